"""The overview: is it working?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from percipio_openedx import config
from percipio_openedx.admin import open_alerts, words
from percipio_openedx.admin.access import ModelAdmin, demand
from percipio_openedx.admin.figures import NOT_REPORTED, DestinationFigures, Hints, SiteFigures, gathered
from percipio_openedx.admin.plot import plotted
from percipio_openedx.admin.verdict import of_site
from percipio_openedx.delivery.tokens import Tokens
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import State
from percipio_openedx.operations.troubles import PAUSES

# Seconds for which the figures are kept: with millions of rows they cost a second or two.
KEPT = 60
KEY = "percipio_openedx:overview"
SERIES = (State.DELIVERED, State.WAITING, State.PARKED, State.ABANDONED, State.KEPT)


def overview(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Every site with its sentence, its figures, its plot and its destinations.

    Raises:
        PermissionDenied: without the permission to see destinations.
    """
    demand(request, "view_destination")
    sites, hints, at = _figures(fresh="fresh" in request.GET)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Percipio: is it working?"),
        "opts": Destination._meta,
        "at": at,
        "sites": [_shown(site, hints, timezone.now()) for site in sites],
        "hints": hints,
        "failing_more": hints.failing_courses - len(hints.failing),
        "alerts": open_alerts.shown(sites),
        "series": [(name, words.of(words.STATES, name)) for name in SERIES] + [(NOT_REPORTED, _("not reported"))],
    }
    return TemplateResponse(request, "admin/percipio_openedx/overview.html", context)


def _figures(*, fresh: bool) -> tuple[list[SiteFigures], Hints, datetime]:
    kept = None if fresh else cache.get(KEY)
    if kept is None:
        now = timezone.now()
        kept = (*gathered(now), now)
        cache.set(KEY, kept, timeout=KEPT)
    sites, hints, at = kept
    return sites, hints, at


def _shown(site: SiteFigures, hints: Hints, now: datetime) -> dict[str, Any]:
    since = site.waiting_since
    return {
        "figures": site,
        "verdict": of_site(site, hints, now),
        "waiting": site.total("waiting"),
        "parked": site.total("parked"),
        "delivered": sum(found.traffic.statements for found in site.destinations),
        "lag": now - since if since else None,
        "token": _token(site.site_id),
        "plot": plotted(site.days, SERIES),
        "held_plot": plotted(site.days, (NOT_REPORTED,)),
        "held": [(count, reason, words.of(words.HOLDS, reason)) for reason, count in sorted(site.held.items())],
        "destinations": [_destination(found, now) for found in sorted(site.destinations, key=_by_trouble)],
    }


def _by_trouble(found: DestinationFigures) -> tuple[bool, bool, str]:
    """Those that need somebody first."""
    return not found.row.paused_reason, not (found.row.failures or found.parked), found.row.organization


def _destination(found: DestinationFigures, now: datetime) -> dict[str, Any]:
    row = found.row
    waits = row.retry_at is not None and row.retry_at > now
    if row.paused_reason:
        state, text = "parked", words.of(PAUSES, row.paused_reason)
    elif row.failures:
        state, text = "waiting", _("open: %(count)s failed requests in a row") % {"count": row.failures}
    else:
        state, text = "delivered", _("closed: requests go through")
    return {
        "figures": found,
        "row": row,
        "breaker": text,
        "breaker_state": state,
        "next_try": row.retry_at if waits else None,
        "lag": now - found.waiting_since if found.waiting_since else None,
        "last_outcome": words.of(words.OUTCOMES, found.last_bad.outcome) if found.last_bad else "",
    }


def _token(site_id: int) -> str:
    """The state of the token in hand; nothing is fetched."""
    try:
        configuration = config.for_site(site_id)
    except PercipioConfigurationError:
        configuration = None
    if configuration is None:
        return ""
    until = Tokens(configuration).held_until()
    if until is None:
        return _("none in hand; one is fetched with the next request")
    left = datetime.fromtimestamp(until, UTC) - timezone.now()
    return _("valid for %(minutes)s more minutes") % {"minutes": max(0, int(left / timedelta(minutes=1)))}
