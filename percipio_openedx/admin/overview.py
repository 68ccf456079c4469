"""The overview page: problems and status of each site (``operations``), plus counts and charts."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import Avg, Count, Max, Q, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.admin.base import OperatorAdmin, shown_course
from percipio_openedx.delivery.tokens import Tokens
from percipio_openedx.enums import Outcome
from percipio_openedx.models.destination import DeliveryAttempt
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import OPEN_STATES, State, Statement
from percipio_openedx.operations import labels, problems, reach, status, sweep
from percipio_openedx.operations.labels import Tone
from percipio_openedx.operations.problem_kinds import ProblemCode
from percipio_openedx.operations.problems import Problem, pause_of
from percipio_openedx.operations.reach import Said
from percipio_openedx.operations.sites import DestinationStatus, InForce, SiteStatus, known, site_ids
from percipio_openedx.operations.status import Snapshot

NOT_REPORTED = "not_reported"
SERIES = (State.DELIVERED, State.WAITING, State.PARKED, State.DISCARDED, State.SKIPPED)
# Days in the chart, and the window for success rate and latency.
DAYS = 14
RECENTLY = timedelta(hours=24)
CACHE_SECONDS = 60
# Seconds after which no further site's learners are counted for one page.
PATIENCE = 3.0
CACHE_KEY = "percipio_openedx:counts"

# By site, day, and state (or NOT_REPORTED).
Days = dict[int, dict[date, dict[str, int]]]


def overview(model_admin: OperatorAdmin, request: HttpRequest) -> HttpResponse:
    """Show the problems, then each site with headline, counts, charts and destinations."""
    if is_fresh := "fresh" in request.GET:
        cache.delete(CACHE_KEY)
    cached: Any = cache.get_or_set(CACHE_KEY, lambda: take_counts(timezone.now()), CACHE_SECONDS)
    snapshot = status.take(timezone.now(), cached.days)
    found = problems.find(snapshot)
    # Read at most once, and not at all where the numbers are remembered.
    all_courses, deadline = functools.cache(reach.courses_by_site), time.monotonic() + PATIENCE
    whom = functools.partial(reach.whom, all_courses=all_courses, fresh=is_fresh, deadline=deadline)
    alerts = {(row.kind, row.subject): row for row in snapshot.alerts}
    return model_admin.page(
        request,
        "overview.html",
        _("Percipio: is it working?"),
        at=cached.at,
        problems=[{"problem": one, "alert": alerts.get((one.code.value, one.subject))} for one in found],
        sites=[_site(site, found, snapshot, cached, whom) for site in snapshot.sites.values()],
        can_be_set_up=known(pk for pk, site in snapshot.sites.items() if not site.has_arrived),
        oldest_notice=snapshot.oldest_notice,
        failing=[
            (row, shown_course(row.course_key, snapshot.course_names.get(row.course_key, "")))
            for row in snapshot.courses
        ],
        series=[(name, labels.of(labels.STATES, name)) for name in SERIES],
    )


class Headline(NamedTuple):
    """A site's status in one sentence, and its tone."""

    tone: Tone
    sentence: str


def headline(site: SiteStatus, problems: Sequence[Problem], snapshot: Snapshot) -> Headline:
    """Return a site's headline: the first of its problems, if any."""
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


def _site(
    site: SiteStatus,
    problems: Sequence[Problem],
    snapshot: Snapshot,
    cached: OverviewCounts,
    whom: Callable[[InForce], Said],
) -> dict[str, Any]:
    days = cached.days.get(site.site_id, {})
    held = cached.held.get(site.site_id, {})
    destinations = [_destination(one, cached.traffic.get(one.row.pk, {})) for one in site.destinations]
    return {
        "status": site,
        "headline": headline(site, problems, snapshot),
        # The headline of a site that is off says that nothing is reported.
        "reach": whom(site.in_force) if site.in_force is not None else None,
        "delivered": sum(one["traffic"].get("statements", 0) for one in destinations),
        "token": _token(site),
        "compared": sweep.described(site.sweep) if site.configuration is not None and config.sweeps() else "",
        "chart": chart(days, SERIES),
        "held_chart": chart(days, (NOT_REPORTED,)),
        "held": [(count, reason, labels.of(labels.HOLDS, reason)) for reason, count in sorted(held.items())],
        "destinations": sorted(destinations, key=lambda one: one["order"]),
    }


def _destination(found: DestinationStatus, traffic: dict[str, Any]) -> dict[str, Any]:
    row, last_bad = found.row, traffic.get("last_bad")
    state, breaker = State.DELIVERED, _("closed: requests go through")
    if row.paused_reason:
        state, breaker = State.PARKED, pause_of(row)
    elif row.failures:
        failed = ngettext("open: %(count)s failed request", "open: %(count)s failed requests in a row", row.failures)
        state, breaker = State.WAITING, failed % {"count": row.failures}
    return {
        "status": found,
        # Those that need attention first.
        "order": (not found.is_paused, not (row.failures or found.parked), row.account, row.organization),
        "traffic": traffic,
        "breaker": breaker,
        "breaker_state": state,
        "next_try": row.retry_at if row.retry_at is not None and row.retry_at > timezone.now() else None,
        "last_outcome": labels.of(labels.OUTCOMES, last_bad.outcome) if last_bad else "",
    }


def _token(site: SiteStatus) -> str:
    if site.configuration is None or site.configuration.accounts:
        return ""
    until = Tokens(site.configuration).held_until()
    if until is None:
        return _("none in hand; one is fetched with the next request")
    minutes = max(0, int((datetime.fromtimestamp(until, UTC) - timezone.now()) / timedelta(minutes=1)))
    text = ngettext("valid for %(minutes)s more minute", "valid for %(minutes)s more minutes", minutes)
    return text % {"minutes": minutes}


class OverviewCounts(NamedTuple):
    """As of ``at``: traffic by destination; by site, learners held back by reason and each day's outcomes.

    Cached for a minute, since they take a second with millions of rows. The number of queries does not grow.
    """

    at: datetime
    traffic: dict[int, dict[str, Any]]
    held: dict[int, dict[str, int]]
    days: Days


def take_counts(now: datetime) -> OverviewCounts:
    """Count for every site that is configured, has reported, or has held back anything."""
    sites = sorted({*site_ids(), *LearnerCourse.objects.values_list("site_id", flat=True).distinct().order_by()})
    held: dict[int, dict[str, int]] = {site_id: {} for site_id in sites}
    for site_id, reason, count in status.held(sites):
        held[site_id][reason] = count
    return OverviewCounts(now, _traffic(now), held, _days(sites, now))


def _traffic(now: datetime) -> dict[int, dict[str, Any]]:
    """Return each destination's requests in the last 24 hours: number, success, latency, and the last failure."""
    taken = Q(outcome__in=(Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.CONFLICT))
    rows = DeliveryAttempt.objects.filter(started_at__gte=now - RECENTLY).order_by().values("destination_id")
    columns: Any = rows.annotate(
        requests=Count("pk"),
        taken=Count("pk", filter=taken),
        average_ms=Avg("duration_ms"),
        longest_ms=Max("duration_ms"),
        statements=Sum("accepted"),
        bad=Max("pk", filter=~taken),
    )
    found = {row["destination_id"]: row for row in columns}
    last_bad = DeliveryAttempt.objects.in_bulk([row["bad"] for row in found.values() if row["bad"]])
    for row in found.values():
        row["success_percent"] = row["taken"] * 100 // row["requests"]
        row["last_bad"] = last_bad.get(row["bad"])
    return found


def _days(sites: list[int], now: datetime) -> Days:
    """Return the outcomes of each day's statements (in UTC), and how many learners were held back then."""
    first = (now.astimezone(UTC) - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(first + timedelta(days=number)).date() for number in range(DAYS)]
    counts: Days = {site_id: {day: {} for day in days} for site_id in sites}
    # All statements are counted from an index alone, the few undelivered ones by state.
    recent = Statement.objects.filter(site_id__in=sites, stored_at__gte=first).order_by()
    made = recent.annotate(day=TruncDate("stored_at", tzinfo=UTC))
    for site_id, day, count in made.values_list("site_id", "day").annotate(Count("pk")):
        counts[site_id].setdefault(day, {})[State.DELIVERED] = count
    others = made.filter(state__in=[state for state in State if state != State.DELIVERED])
    for site_id, day, state, count in others.values_list("site_id", "day", "state").annotate(Count("pk")):
        # In-flight and outdated statements count as waiting.
        name = State.WAITING if state in OPEN_STATES else State(state)
        of_day = counts[site_id].setdefault(day, {})
        of_day[name] = of_day.get(name, 0) + count
        of_day[State.DELIVERED] = max(0, of_day.get(State.DELIVERED, 0) - count)
    held = LearnerCourse.objects.filter(site_id__in=sites, hold_reason__gt="", observed_at__gte=first).order_by()
    by_day = held.annotate(day=TruncDate("observed_at", tzinfo=UTC))
    for site_id, day, count in by_day.values_list("site_id", "day").annotate(Count("pk")):
        counts[site_id].setdefault(day, {})[NOT_REPORTED] = count
    return counts


def chart(days: Mapping[date, Mapping[str, int]], series: Sequence[str]) -> dict[str, Any] | None:
    """Stack each day's series, bottom up, for the template ``chart.html``; None without any counts.

    A bar is its series, the distance of its top from the upper edge (``top``), and its count.
    """
    top = max((sum(counts.get(name, 0) for name in series) for counts in days.values()), default=0)
    if not top:
        return None
    found = []
    for day in sorted(days):
        bars, place = [], top
        for name in series:
            if count := days[day].get(name, 0):
                place -= count
                bars.append((name, place, count))
        found.append((day, bars))
    return {"days": found, "top": top}
