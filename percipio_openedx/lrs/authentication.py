"""Who is asking: an OAuth2 token of the LMS, in the ``Authorization`` header. Cookies are not looked at.

Two forms, as the LMS gives them: an opaque token (``Bearer``), and a signed one (``JWT``). The first is read by the
platform's class, the second by the decoder of edx-drf-extensions. Not by its ``JwtAuthentication``, which also takes
cookies and inactive users, and makes a user of whatever name a token holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import jwt
from django.contrib.auth import get_user_model
from edx_rest_framework_extensions.auth.jwt.decoder import (
    configured_jwt_decode_handler,
    get_verification_jwk_key_set,
    verify_jwk_signature_using_keyset,
)
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import is_outage
from percipio_openedx.exceptions import PlatformUnavailable

if TYPE_CHECKING:
    from rest_framework.request import Request

# RFC 6750 section 2.1; nothing else is put to the database or to a decoder.
_HEADER: Final = re.compile(rb"(?P<scheme>[A-Za-z]+) +(?P<token>[A-Za-z0-9\-._~+/]{1,8000}=*)")
_CLIENT_CREDENTIALS: Final = ("client-credentials", "client_credentials")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is good for.

    Arguments:
        user_id: the token's user: of a service, the owner of the application.
        scopes: what was granted.
        client_id: the application that it is a token of, where that speaks for itself (client credentials) and can be
            told; else None.
        is_signed: whether it is a signed token.
        filters: what the token is limited to, as it says itself.
    """

    user_id: int
    scopes: frozenset[str]
    client_id: str | None
    is_signed: bool
    filters: tuple[str, ...] = ()


class TokenAuthentication(BaseAuthentication):
    """A token, or nobody."""

    def authenticate(self, request: Request) -> tuple[Any, Grant] | None:
        """The token's user and what it is good for; None where there is no token.

        Raises:
            AuthenticationFailed: a token of ours was given that is no good; why is not told to strangers.
        """
        found = _HEADER.fullmatch(get_authorization_header(request).strip())
        scheme = found["scheme"].lower() if found else b""
        if found is None or scheme not in (b"bearer", b"jwt"):
            return None
        grant = _opaque(request) if scheme == b"bearer" else _signed(found["token"].decode("ascii"))
        user = get_user_model().objects.filter(pk=grant.user_id, is_active=True).first()
        if user is None:
            raise _refused()
        return user, grant

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="percipio"'


def _opaque(request: Request) -> Grant:
    try:
        token = edx_platform.opaque_token(request)
    except AuthenticationFailed:
        raise _refused() from None  # the platform's words may name the user
    except PlatformUnavailable as error:
        raise _unread(error) from None
    return Grant(token.user_id, token.scopes, token.client_id, is_signed=False)


def _signed(token: str) -> Grant:
    try:
        _verify(token)
        claims = configured_jwt_decode_handler(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        # The last is a header nested without end, which PyJWT reads before any signature.
        raise _refused() from None
    username, scopes, issued_at = claims.get("preferred_username"), claims.get("scopes"), _moment(claims.get("iat"))
    if not isinstance(username, str) or not isinstance(scopes, list) or issued_at is None:
        raise _refused()
    user_id = get_user_model().objects.filter(username=username).values_list("pk", flat=True).first()
    if user_id is None:
        raise _refused()
    granted = frozenset(map(str, scopes))
    is_service = claims.get("grant_type") in _CLIENT_CREDENTIALS
    try:
        client_id = edx_platform.client_of_signed_token(user_id, granted, issued_at) if is_service else None
    except PlatformUnavailable as error:
        raise _unread(error) from None
    return Grant(user_id, granted, client_id, is_signed=True, filters=_filters(claims.get("filters")))


def _moment(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _filters(claim: object) -> tuple[str, ...]:
    """What limits a token; a claim that cannot be read limits it in a way that nobody knows."""
    return tuple(map(str, claim)) if isinstance(claim, list) else ("?",) if claim else ()


def _verify(token: str) -> None:
    """Hold a signed token against the LMS's keys, all of them.

    The LMS's own decoder does so, too. But where no public keys are configured it tries the token against an empty set
    of keys, and takes it that none has objected.

    Raises:
        PyJWTError, ValueError: no key of the LMS made it, or there is none.
    """
    public_keys, secret_key = config.token_keys()
    keys = get_verification_jwk_key_set(asymmetric_keys=public_keys, secret_key=secret_key)
    if not keys:
        raise jwt.InvalidTokenError
    verify_jwk_signature_using_keyset(token, keys)


def _refused() -> AuthenticationFailed:
    return AuthenticationFailed("The token is unknown, has expired, or its user is inactive.")


def _unread(error: PlatformUnavailable) -> Exception:
    """What became of a token that the LMS stumbled over. A database that is away has refused nobody."""
    return error if is_outage(error) else _refused()
