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
    """The pull client that a token belongs to, enabled or not.

    Raises:
        PermissionDenied: the token's application has not been named as a pull client, or it cannot be told which of
            several sites' clients a signed token is of.
    """
    clients = list(PullClient.objects.filter(client_id__in=grant.client_ids).order_by("-enabled", "pk"))
    if not clients:
        logger.warning("pull refused reason=not_a_pull_client user=%s", grant.user_id)
        raise PermissionDenied("This application has not been allowed to read statements.")
    if len({client.site_id for client in clients}) > 1:
        logger.warning("pull refused reason=several_sites user=%s", grant.user_id)
        raise PermissionDenied("This signed token's user owns the clients of several sites; use an opaque token.")
    return clients[0]


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
    here = getattr(request, "site", None)
    if not config.is_on():
        return "The Percipio plugin is switched off."
    if not client.enabled:
        return "This client is switched off."
    if PULL_SCOPE not in grant.scopes:
        return f"The token lacks the scope {PULL_SCOPE}."
    if not grant.is_signed and edx_platform.is_restricted(client.client_id):
        return "This application is restricted: only its signed tokens are taken."
    if here is not None and here.pk != client.site_id:
        return "This client belongs to another site of this LMS; use that site's address."
    return ""


class PullThrottle(SimpleRateThrottle):
    """So many requests of one client in a span of time (``PERCIPIO_PULL_RATE``)."""

    scope = "percipio_pull"

    def get_rate(self) -> str | None:
        """The rate in force; None for no bound."""
        return config.pull_rate() or None

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """One count for each application, or user where a token names none: whether they may pull or not."""
        grant = grant_of(request)
        asks = ",".join(sorted(grant.client_ids)) or f"user {grant.user_id}"
        return f"throttle_{self.scope}_{hashlib.sha256(asks.encode()).hexdigest()}"
