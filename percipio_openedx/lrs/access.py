"""Who is asking, whether they may pull, whose statements and how often, and the row that is kept of it.

Whoever asks shows an OAuth2 token of the LMS in the ``Authorization`` header; cookies are not looked at. Two forms, as
the LMS gives them: an opaque token (``Bearer``) is read by the platform's class, a signed one (``JWT``) by the decoder
of edx-drf-extensions. Not by its ``JwtAuthentication``, which also takes cookies and inactive users, makes a user of
whatever name a token holds, and writes the token's email address over the user's.
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
from percipio_openedx.data import Grant
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.lrs.query import MORE, PARAMETERS
from percipio_openedx.models.destination import PullAudit, PullClient
from percipio_openedx.settings.common import PULL_SCOPE

if TYPE_CHECKING:
    from rest_framework.request import Request

logger = logging.getLogger(__name__)

# RFC 6750 section 2.1; nothing else is put to the database or to a decoder.
_HEADER: Final = re.compile(rb"(?P<scheme>(?i:bearer|jwt)) +(?P<token>[A-Za-z0-9\-._~+/]{1,8000}=*)")
# Refused requests of one client that leave a row in an hour: a client that is not let in, or asks nonsense without end,
# shall not fill the table.
MOST_REFUSED: Final = 60

_UNKNOWN: Final = (
    "This signed token does not say which application it is of, and nobody else can. Get a new one, or use an opaque "
    "token; the application's user must own no other."
)
_CLIENT_CREDENTIALS: Final = ("client-credentials", "client_credentials")


class TokenAuthentication(BaseAuthentication):
    """A token, or nobody."""

    def authenticate(self, request: Request) -> tuple[Any, Grant] | None:
        """Return the token's user and what it is good for; None where there is no token.

        Raises:
            AuthenticationFailed: a token of ours was given that is no good; why is not told to strangers.
            PlatformUnavailable: the database is away, and has refused nobody.
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
            # The platform's words may name the user. The last is a header that is nested without end, which PyJWT reads
            # before any signature.
            pass
        if user is None:
            raise AuthenticationFailed("The token is unknown, has expired, or its user is inactive.") from None
        return user, grant

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return 'Bearer realm="percipio"'


def _signed(token: str) -> Grant:
    """Read a signed token.

    Its signature is verified against all of the LMS's keys. The LMS's own decoder does so, too. But where no public
    keys are configured it tries the token against an empty set of keys, and takes it that none has objected.

    Raises:
        PyJWTError, ValueError, TypeError, OverflowError, RecursionError: no key of the LMS made it, or it is malformed.
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
    # A claim that cannot be read limits the token in a way that nobody knows.
    filters = tuple(map(str, limits)) if isinstance(limits, list) else ("?",) if limits else ()
    return Grant(user_id, granted, client_id, is_signed=True, filters=filters)


class PullThrottle(SimpleRateThrottle):
    """So many requests of one client in a span of time (``PERCIPIO_PULL_RATE``)."""

    scope = "percipio_pull"

    def get_rate(self) -> str | None:
        """Return the rate in force; None for no bound."""
        return config.pull_rate() or None

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return one key for each application, or user where a token names none: whether they may pull or not."""
        grant: Any = request.auth
        asks = grant.client_id or f"user {grant.user_id}"
        return f"throttle_{self.scope}_{hashlib.sha256(asks.encode()).hexdigest()}"


def client_of(grant: Grant) -> PullClient:
    """Return the pull client that a token is of, enabled or not.

    Raises:
        PermissionDenied: the token's application has not been named as a pull client, or nobody can tell which it is.
    """
    client = PullClient.objects.filter(client_id=grant.client_id).first() if grant.client_id else None
    if client is not None:
        return client
    is_unknown = grant.client_id is None and grant.is_signed
    reason = "application_unknown" if is_unknown else "not_a_pull_client"
    logger.warning("pull refused reason=%s user=%s", reason, grant.user_id)
    raise PermissionDenied(_UNKNOWN if is_unknown else "This application has not been allowed to read statements.")


def demand(request: Request, grant: Grant, client: PullClient) -> None:
    """Let a pull client go on.

    Raises:
        PermissionDenied: it is not, or not so, allowed to read; the reason is for the integrator.
    """
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
        return f"This application is limited to {', '.join(limits)}; a pull client reads a whole site."
    if not grant.is_signed and edx_platform.is_restricted(client.client_id):
        return "This application is restricted: only its signed tokens are taken."
    # The site that was asked, by its host; the LMS's own choice (the default one) where no site has that host.
    here = getattr(request, "site", None)
    if (edx_platform.site_id_of_host(request.get_host()) or getattr(here, "pk", None)) not in (None, client.site_id):
        return "This client belongs to another site of this LMS; use that site's address."
    return ""


def asked(request: Request) -> str:
    """Return the names of a request's parameters; a question mark for what is unknown or cannot be read."""
    try:
        return ",".join(sorted({name if name in (*PARAMETERS, MORE) else "?" for name in request.query_params}))
    except SuspiciousOperation:
        return "?"


def record(client: PullClient, began: datetime, method: str, asked: str, status: int, statements: int) -> None:
    """Keep who asked what kind of question and how many statements go out, before they do.

    Of questions that were turned down ``MOST_REFUSED`` are kept. That there is no such statement is an answer.
    """
    if status >= 400 and status != 404:
        rows = PullAudit.objects.filter(site_id=client.site_id, client_id=client.client_id, status__gte=400)
        recent = rows.filter(at__gte=began - timedelta(hours=1)).exclude(status=404).order_by()
        if recent[:MOST_REFUSED].count() >= MOST_REFUSED:
            return
    PullAudit.objects.create(
        at=began,
        site_id=client.site_id,
        client_id=client.client_id,
        method=method,
        asked=asked,
        status=status,
        statements=statements,
        duration_ms=max(0, round((timezone.now() - began).total_seconds() * 1000)),
    )
