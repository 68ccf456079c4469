"""The overview: is it working? A face of ``operations.status`` and ``operations.problems``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx.admin import figures
from percipio_openedx.admin.access import ModelAdmin, demand
from percipio_openedx.admin.figures import NOT_REPORTED, Figures, Traffic
from percipio_openedx.admin.plot import plotted
from percipio_openedx.delivery.tokens import Tokens
from percipio_openedx.enums import ProblemCode, Severity
from percipio_openedx.models.alert import Alert
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import State
from percipio_openedx.operations import diagnosis, status, words
from percipio_openedx.operations.problems import PAUSES, Problem
from percipio_openedx.operations.snapshot import DestinationStatus, SiteStatus, Snapshot
from percipio_openedx.operations.words import Tone

SERIES = (State.DELIVERED, State.WAITING, State.PARKED, State.DISCARDED, State.SKIPPED)
# Problems, and course runs that cannot be read, that are named one by one.
MOST_NAMED = 20
_TONES = {Severity.ERROR: Tone.ERROR, Severity.WARNING: Tone.WARNING}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether all is well at a site, in one sentence, and how it is marked."""

    tone: Tone
    words: str


def overview(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show what is wrong, then every site with its sentence, its figures, its plot and its destinations.

    Raises:
        PermissionDenied: without the permission to see destinations.
    """
    demand(request, "view_destination")
    kept = figures.kept(fresh="fresh" in request.GET)
    snapshot = status.take(timezone.now(), kept.days)
    found = diagnosis.find(snapshot)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Percipio: is it working?"),
        "opts": Destination._meta,
        "at": kept.at,
        "problems": shown(found, snapshot.alerts)[:MOST_NAMED],
        "problems_more": max(0, len(found) - MOST_NAMED),
        "sites": [_site(site, found, snapshot, kept) for site in snapshot.sites.values()],
        "oldest_notice": snapshot.oldest_notice,
        "failing": snapshot.courses[:MOST_NAMED],
        "failing_more": max(0, len(snapshot.courses) - MOST_NAMED),
        "series": [(name, words.of(words.STATES, name)) for name in SERIES] + [(NOT_REPORTED, _("not reported"))],
    }
    return TemplateResponse(request, "admin/percipio_openedx/overview.html", context)


def shown(found: Sequence[Problem], alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    """Return each problem with its mark, and since when operators were told of it, if they were."""
    reported = {(row.kind, row.subject): row for row in alerts}
    return [
        {"problem": one, "tone": _TONES[one.severity], "alert": reported.get((one.code.value, one.subject))}
        for one in found
    ]


def verdict(site: SiteStatus, found: Sequence[Problem], snapshot: Snapshot) -> Verdict:
    """Return the worst that can be said of a site: the first of its problems."""
    waiting = ngettext("%(count)s statement waits.", "%(count)s statements wait.", site.waiting)
    waits = f" {waiting % {'count': site.waiting}}" if site.waiting else ""
    if not snapshot.is_on:
        quiet = _("Switched off: PERCIPIO_ENABLED is False. Nothing is noticed and nothing is sent.")
        return Verdict(Tone.QUIET, quiet + waits)
    here = [one for one in found if one.site_id in (None, site.site_id)]
    if site.in_force is None:
        here = [one for one in here if one.code is ProblemCode.UNCONFIGURED]
    if here:
        return Verdict(_TONES[here[0].severity], here[0].sentence)
    if site.in_force is None:
        quiet = _("Nothing is reported: this site is switched off, or has no configuration.")
        return Verdict(Tone.QUIET, quiet + waits)
    if site.waiting:
        text = ngettext(
            "All is well: %(count)s statement is on its way.",
            "All is well: %(count)s statements are on their way.",
            site.waiting,
        )
        return Verdict(Tone.WELL, text % {"count": site.waiting})
    if not site.destinations:
        return Verdict(Tone.WELL, _("All is well; nothing has been reported yet."))
    return Verdict(Tone.WELL, _("All is well: everything that was reported has arrived."))


def _site(site: SiteStatus, found: Sequence[Problem], snapshot: Snapshot, kept: Figures) -> dict[str, Any]:
    days = kept.days.get(site.site_id, {})
    held = kept.held.get(site.site_id, {})
    traffic = {one.row.pk: kept.traffic.get(one.row.pk, Traffic()) for one in site.destinations}
    return {
        "status": site,
        "verdict": verdict(site, found, snapshot),
        "delivered": sum(one.statements for one in traffic.values()),
        "token": _token(site),
        "plot": plotted(days, SERIES),
        "held_plot": plotted(days, (NOT_REPORTED,)),
        "held": [(count, reason, words.of(words.HOLDS, reason)) for reason, count in sorted(held.items())],
        "destinations": [_destination(one, traffic[one.row.pk]) for one in sorted(site.destinations, key=_in_need)],
    }


def _in_need(found: DestinationStatus) -> tuple[bool, bool, str]:
    """Those that need somebody first."""
    return not found.is_paused, not (found.row.failures or found.parked), found.row.organization


def _destination(found: DestinationStatus, traffic: Traffic) -> dict[str, Any]:
    row = found.row
    if row.paused_reason:
        state, text = "parked", words.of(PAUSES, row.paused_reason)
    elif row.failures:
        text = ngettext("open: %(count)s failed request", "open: %(count)s failed requests in a row", row.failures) % {
            "count": row.failures
        }
        state = "waiting"
    else:
        state, text = "delivered", _("closed: requests go through")
    return {
        "status": found,
        "row": row,
        "traffic": traffic,
        "breaker": text,
        "breaker_state": state,
        "next_try": row.retry_at if row.retry_at is not None and row.retry_at > timezone.now() else None,
        "last_outcome": words.of(words.OUTCOMES, traffic.last_bad.outcome) if traffic.last_bad else "",
    }


def _token(site: SiteStatus) -> str:
    """Return the state of the token in hand; nothing is fetched."""
    if site.configuration is None:
        return ""
    until = Tokens(site.configuration).held_until()
    if until is None:
        return _("none in hand; one is fetched with the next request")
    minutes = max(0, int((datetime.fromtimestamp(until, UTC) - timezone.now()) / timedelta(minutes=1)))
    text = ngettext("valid for %(minutes)s more minute", "valid for %(minutes)s more minutes", minutes)
    return text % {"minutes": minutes}
