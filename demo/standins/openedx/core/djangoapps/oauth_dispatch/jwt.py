"""Signed tokens."""

from __future__ import annotations

import time
from typing import Any

import jwt
from django.conf import settings
from django.contrib.auth.models import User

TOKEN_VERSION = "1.2.0"


def create_jwt_for_user(
    user: User,
    scopes: list[str],
    filters: list[str],
    is_restricted: bool,
    grant_type: str,
    is_asymmetric: bool = False,
) -> dict[str, Any]:
    """The answer of the token endpoint with a signed token in it; the claims are those of the platform.

    Signed with the secret key, or with the private one on request and for a restricted application.
    """
    lifetime = settings.JWT_ACCESS_TOKEN_EXPIRE_SECONDS
    now = int(time.time())
    claims = {
        "aud": settings.JWT_AUTH["JWT_AUDIENCE"],
        "exp": now + lifetime,
        "grant_type": grant_type,
        "iat": now,
        "iss": settings.JWT_AUTH["JWT_ISSUER"],
        "preferred_username": user.username,
        "scopes": scopes,
        "version": TOKEN_VERSION,
        "sub": str(user.id),
        "filters": filters,
        "is_restricted": is_restricted,
        "email_verified": user.is_active,
    }
    token = _signed(claims, is_asymmetric or is_restricted)
    return {"access_token": token, "expires_in": lifetime, "token_type": "JWT", "scope": " ".join(scopes)}


def _signed(claims: dict[str, Any], is_asymmetric: bool) -> str:
    options = settings.JWT_AUTH
    if not is_asymmetric:
        return jwt.encode(claims, options["JWT_SECRET_KEY"], algorithm=options["JWT_ALGORITHM"])
    key = jwt.PyJWK.from_json(options["JWT_PRIVATE_SIGNING_JWK"])
    return jwt.encode(claims, key.key, algorithm=options["JWT_SIGNING_ALGORITHM"], headers={"kid": key.key_id})
