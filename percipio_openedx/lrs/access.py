"""Who may pull, whose statements, and how often."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.throttling import SimpleRateThrottle

from percipio_openedx import config, edx_platform
from percipio_openedx.lrs.authentication import Grant
from percipio_openedx.models.pull import PullClient
from percipio_openedx.settings.common import PULL_SCOPE

if TYPE_CHECKING:
    from rest_framework.request import Request

logger = logging.getLogger(__name__)


def grant_of(request: Request) -> Grant:
    """What the token of a request is good for.

    Raises:
        NotAuthenticated: there is no token.
    """
    grant: object = request.auth
    if not isinstance(grant, Grant):
        raise NotAuthenticated("An OAuth2 access token is needed.")
    return grant


def client_of(grant: Grant) -> PullClient:
    """The pull client that a token is of, enabled or not.

    Raises:
        PermissionDenied: the token's application has not been named as a pull client, or nobody can tell which it is.
    """
    if grant.client_id is None and grant.is_signed:
        logger.warning("pull refused reason=application_unknown user=%s", grant.user_id)
        raise PermissionDenied(
            "This signed token does not say which application it is of, and nobody else can. Get a new one, or use an "
            "opaque token; the application's user must own no other."
        )
    client = PullClient.objects.filter(client_id=grant.client_id).first() if grant.client_id else None
    if client is None:
        logger.warning("pull refused reason=not_a_pull_client user=%s", grant.user_id)
        raise PermissionDenied("This application has not been allowed to read statements.")
    return client


def demand(request: Request, grant: Grant, client: PullClient) -> None:
    """Let a pull client go on.

    Raises:
        PermissionDenied: it is not, or not so, allowed to read; the reason is for the integrator.
    """
    problem = _problem(request, grant, client)
    if problem:
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
    if _site_id_of(request) not in (None, client.site_id):
        return "This client belongs to another site of this LMS; use that site's address."
    return ""


def _site_id_of(request: Request) -> int | None:
    """The site that was asked, by its host; the LMS's own choice (the default one) where no site has that host."""
    here = getattr(request, "site", None)
    return edx_platform.site_id_of_host(request.get_host()) or (here.pk if here is not None else None)


class PullThrottle(SimpleRateThrottle):
    """So many requests of one client in a span of time (``PERCIPIO_PULL_RATE``)."""

    scope = "percipio_pull"

    def get_rate(self) -> str | None:
        """The rate in force; None for no bound."""
        return config.pull_rate() or None

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """One count for each application, or user where a token names none: whether they may pull or not."""
        grant = grant_of(request)
        asks = grant.client_id or f"user {grant.user_id}"
        return f"throttle_{self.scope}_{hashlib.sha256(asks.encode()).hexdigest()}"
