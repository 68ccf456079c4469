"""The overview: is it working? A face of ``operations.status`` and ``operations.problems``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx.admin import counts
from percipio_openedx.admin.base import OperatorAdmin, demand
from percipio_openedx.admin.counts import NOT_REPORTED, Counts, chart
from percipio_openedx.codes import ProblemCode
from percipio_openedx.delivery.tokens import Tokens
from percipio_openedx.models.statement import State
from percipio_openedx.operations import diagnosis, status, words
from percipio_openedx.operations.problems import PAUSES, Problem
from percipio_openedx.operations.snapshot import DestinationStatus, SiteStatus, Snapshot
from percipio_openedx.operations.words import Tone

SERIES = (State.DELIVERED, State.WAITING, State.PARKED, State.ABANDONED, State.KEPT)
# Problems, and course runs that cannot be read, that are named one by one.
MAX_NAMED = 20


def overview(model_admin: OperatorAdmin, request: HttpRequest) -> HttpResponse:
    """Show what is wrong, then every site with its headline, its counts, its charts and its destinations."""
    demand(request, "view_destination")
    cached = counts.cached(fresh="fresh" in request.GET)
    snapshot = status.take(timezone.now(), cached.days)
    problems = diagnosis.find(snapshot)
    alerts = {(row.kind, row.subject): row for row in snapshot.alerts}
    return model_admin.page(
        request,
        "overview.html",
        _("Percipio: is it working?"),
        at=cached.at,
        problems=[{"problem": one, "alert": alerts.get((one.code.value, one.subject))} for one in problems[:MAX_NAMED]],
        problems_more=max(0, len(problems) - MAX_NAMED),
        sites=[_site(site, problems, snapshot, cached) for site in snapshot.sites.values()],
        oldest_notice=snapshot.oldest_notice,
        failing=snapshot.courses[:MAX_NAMED],
        failing_more=max(0, len(snapshot.courses) - MAX_NAMED),
        series=[(name, words.of(words.STATES, name)) for name in SERIES],
    )


@dataclass(frozen=True, slots=True)
class Headline:
    """Whether all is well at a site, in one sentence, and how it is marked."""

    tone: Tone
    sentence: str


def headline(site: SiteStatus, problems: Sequence[Problem], snapshot: Snapshot) -> Headline:
    """Return the worst that can be said of a site: the first of its problems."""
    waiting = {"count": site.waiting}
    waits = ""
    if site.waiting:
        waits = " " + ngettext("%(count)s statement waits.", "%(count)s statements wait.", site.waiting) % waiting
    if not snapshot.is_on:
        off = _("Switched off: PERCIPIO_ENABLED is False. Nothing is noticed and nothing is sent.")
        return Headline(Tone.QUIET, off + waits)
    here = [one for one in problems if one.site_id in (None, site.site_id)]
    if site.in_force is None:
        here = [one for one in here if one.code is ProblemCode.UNCONFIGURED]
    if here:
        return Headline(Tone(here[0].severity.value), here[0].sentence)
    if site.in_force is None:
        nothing = _("Nothing is reported: this site is switched off, or has no configuration.")
        return Headline(Tone.QUIET, nothing + waits)
    if site.waiting:
        text = ngettext(
            "All is well: %(count)s statement is on its way.",
            "All is well: %(count)s statements are on their way.",
            site.waiting,
        )
        return Headline(Tone.WELL, text % waiting)
    if not site.destinations:
        return Headline(Tone.WELL, _("All is well; nothing has been reported yet."))
    return Headline(Tone.WELL, _("All is well: everything that was reported has arrived."))


def _site(site: SiteStatus, problems: Sequence[Problem], snapshot: Snapshot, cached: Counts) -> dict[str, Any]:
    days = cached.days.get(site.site_id, {})
    held = cached.held.get(site.site_id, {})
    destinations = [_destination(one, cached.traffic.get(one.row.pk, {})) for one in site.destinations]
    return {
        "status": site,
        "headline": headline(site, problems, snapshot),
        "delivered": sum(one["traffic"].get("statements", 0) for one in destinations),
        "token": _token(site),
        "chart": chart(days, SERIES),
        "held_chart": chart(days, (NOT_REPORTED,)),
        "held": [(count, reason, words.of(words.HOLDS, reason)) for reason, count in sorted(held.items())],
        # Those that need somebody first.
        "destinations": sorted(destinations, key=lambda one: (-one["need"], one["row"].organization)),
    }


def _destination(found: DestinationStatus, traffic: dict[str, Any]) -> dict[str, Any]:
    row, last_bad = found.row, traffic.get("last_bad")
    state, breaker = State.DELIVERED, _("closed: requests go through")
    if row.paused_reason:
        state, breaker = State.PARKED, words.of(PAUSES, row.paused_reason)
    elif row.failures:
        failed = ngettext("open: %(count)s failed request", "open: %(count)s failed requests in a row", row.failures)
        state, breaker = State.WAITING, failed % {"count": row.failures}
    return {
        **{"status": found, "row": row, "traffic": traffic},
        "need": 2 if found.is_paused else bool(row.failures or found.parked),
        **{"breaker": breaker, "breaker_state": state},
        "next_try": row.retry_at if row.retry_at is not None and row.retry_at > timezone.now() else None,
        "last_outcome": words.of(words.OUTCOMES, last_bad.outcome) if last_bad else "",
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
