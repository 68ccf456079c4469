"""Authenticate, authorize, throttle and audit pull requests.

Clients send an OAuth2 token of the LMS in the ``Authorization`` header; cookies are ignored. An opaque token
(``Bearer``) is read by the platform's class, a signed one (``JWT``) by edx-drf-extensions' decoder. Its
``JwtAuthentication`` is avoided: it also accepts cookies and inactive users, creates a user for any name in a token,
and overwrites the user's email address with the token's.
"""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import jwt
from django.contrib.auth import get_user_model
from django.core.exceptions import SuspiciousOperation
from django.utils import timezone
from edx_rest_framework_extensions.auth.jwt.decoder import (
    configured_jwt_decode_handler,
    get_verification_jwk_key_set,
    verify_jwk_signature_using_keyset,
)
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.throttling import SimpleRateThrottle

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import is_outage
from percipio_openedx.edx_platform.api_clients import Grant
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.lrs.query import MORE, PARAMETERS
from percipio_openedx.models.destination import PullAudit, PullClient
from percipio_openedx.settings.common import PULL_SCOPE

if TYPE_CHECKING:
    from rest_framework.request import Request

logger = logging.getLogger(__name__)

# RFC 6750 section 2.1; nothing else reaches the database or a decoder.
_HEADER: Final = re.compile(rb"(?P<scheme>(?i:bearer|jwt)) +(?P<token>[A-Za-z0-9\-._~+/]{1,8000}=*)")
# Refused requests recorded per client and hour, so that an unauthorized or malfunctioning client cannot fill the table.
MOST_REFUSED: Final = 60

_UNKNOWN: Final = (
    "This signed token does not say which application it is of, and nobody else can. Get a new one, or use an opaque "
    "token; the application's user must own no other."
)
_CLIENT_CREDENTIALS: Final = ("client-credentials", "client_credentials")


class TokenAuthentication(BaseAuthentication):
    """Authenticate by token only."""

    def authenticate(self, request: Request) -> tuple[Any, Grant] | None:
        """Return the token's user and grant; None without a token.

        Raises:
            AuthenticationFailed: the token is invalid; strangers are not told why.
            PlatformUnavailable: the database is down; nobody was refused.
        """
        found = _HEADER.fullmatch(get_authorization_header(request).strip())
        if found is None:
            return None
        user, is_opaque = None, found["scheme"].lower() == b"bearer"
        try:
            grant = edx_platform.opaque_token(request) if is_opaque else _signed(found["token"].decode("ascii"))
            user = get_user_model().objects.filter(pk=grant.user_id, is_active=True).first()
        except PlatformUnavailable as error:
            if is_outage(error):
                raise
        except (AuthenticationFailed, jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            # The platform's message may name the user. RecursionError: a deeply nested header, which PyJWT reads before
            # any signature.
            pass
        if user is None:
            raise AuthenticationFailed("The token is unknown, has expired, or its user is inactive.") from None
        return user, grant

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="percipio"'


def _signed(token: str) -> Grant:
    """Read a signed token.

    Verifies the signature against all of the LMS's keys. So does the LMS's own decoder, except that without public keys
    it tries an empty set and takes the absence of an objection as success.

    Raises:
        PyJWTError, ValueError, TypeError, OverflowError, RecursionError: not signed by the LMS, or malformed.
        PlatformUnavailable: the platform's models are missing.
    """
    public_keys, secret_key = config.token_keys()
    keys = get_verification_jwk_key_set(asymmetric_keys=public_keys, secret_key=secret_key)
    if not keys:
        raise jwt.InvalidTokenError
    verify_jwk_signature_using_keyset(token, keys)
    claims = configured_jwt_decode_handler(token)
    match claims:
        case {"preferred_username": str(username), "scopes": list(scopes), "iat": int(issued_at)}:
            granted, moment = frozenset(map(str, scopes)), datetime(1970, 1, 1, tzinfo=UTC) + timedelta(0, issued_at)
        case _:
            raise ValueError
    user_id = get_user_model().objects.filter(username=username).values_list("pk", flat=True).first()
    if user_id is None:
        raise ValueError
    is_service = claims.get("grant_type") in _CLIENT_CREDENTIALS
    client_id = edx_platform.client_of_signed_token(user_id, granted, moment) if is_service else None
    limits = claims.get("filters")
    # An unreadable claim limits the token in an unknown way.
    filters = tuple(map(str, limits)) if isinstance(limits, list) else ("?",) if limits else ()
    return Grant(user_id, granted, client_id, is_signed=True, filters=filters)


class PullThrottle(SimpleRateThrottle):
    """Rate limit per client (``PERCIPIO_PULL_RATE``)."""

    scope = "percipio_pull"

    def get_rate(self) -> str | None:
        return config.pull_rate() or None

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return a key per application, or per user where a token names none, whether or not they may pull."""
        grant: Any = request.auth
        asks = grant.client_id or f"user {grant.user_id}"
        return f"throttle_{self.scope}_{hashlib.sha256(asks.encode()).hexdigest()}"


def client_of(grant: Grant) -> PullClient:
    """Return the token's pull client, enabled or not; raise ``PermissionDenied`` if its application is none."""
    client = PullClient.objects.filter(client_id=grant.client_id).first() if grant.client_id else None
    if client is not None:
        return client
    is_unknown = grant.client_id is None and grant.is_signed
    reason = "application_unknown" if is_unknown else "not_a_pull_client"
    logger.warning("pull refused reason=%s user=%s", reason, grant.user_id)
    raise PermissionDenied(_UNKNOWN if is_unknown else "This application has not been allowed to read statements.")


def demand(request: Request, grant: Grant, client: PullClient) -> None:
    """Check that a pull client may read; else raise ``PermissionDenied`` with the reason, for the integrator."""
    if problem := _problem(request, grant, client):
        logger.warning("pull refused client=%s site=%s reason=%s", client.pk, client.site_id, problem)
        raise PermissionDenied(problem)


def _problem(request: Request, grant: Grant, client: PullClient) -> str:
    if not config.is_on():
        return "The Percipio plugin is switched off."
    if not client.enabled:
        return "This client is switched off."
    if PULL_SCOPE not in grant.scopes:
        return f"The token lacks the scope {PULL_SCOPE}."
    if limits := sorted({*grant.filters, *edx_platform.filters_of(client.client_id)}):
        return f"This application is limited to {', '.join(limits)}; a pull client reads a whole site or account."
    if not grant.is_signed and edx_platform.is_restricted(client.client_id):
        return "This application is restricted: only its signed tokens are taken."
    # The site requested by host; the LMS's choice (the default one) where no site has that host.
    here = getattr(request, "site", None)
    if (edx_platform.site_id_of_host(request.get_host()) or getattr(here, "pk", None)) not in (None, client.site_id):
        return "This client belongs to another site of this LMS; use that site's address."
    return ""


def asked(request: Request) -> str:
    """Return the names of a request's parameters; a question mark for unknown or unreadable ones."""
    try:
        return ",".join(sorted({name if name in (*PARAMETERS, MORE) else "?" for name in request.query_params}))
    except SuspiciousOperation:
        return "?"


def record(client: PullClient, began: datetime, method: str, asked: str, status: int, statements: int) -> None:
    """Record a request and the number of statements returned, before they are; of refusals, ``MOST_REFUSED``.

    A statement that does not exist is an answer.
    """
    if status >= 400 and status != 404:
        rows = PullAudit.objects.filter(site_id=client.site_id, client_id=client.client_id, status__gte=400)
        recent = rows.filter(at__gte=began - timedelta(hours=1)).exclude(status=404).order_by()
        if recent[:MOST_REFUSED].count() >= MOST_REFUSED:
            return
    PullAudit.objects.create(
        at=began,
        site_id=client.site_id,
        account=client.account,
        client_id=client.client_id,
        method=method,
        asked=asked,
        status=status,
        statements=statements,
        duration_ms=max(0, round((timezone.now() - began).total_seconds() * 1000)),
    )
