"""The counts and charts of the overview: traffic, what became of each day's statements, and who is held back.

They cost a second with millions of rows, so they are kept for a minute. A number of queries that does not grow with
learners, statements or destinations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Avg, Count, Max, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from percipio_openedx.codes import Outcome
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import OPEN_STATES, State, Statement
from percipio_openedx.operations.sites import site_ids

# Days in the chart, and the span of success rate and latency.
DAYS = 14
RECENTLY = timedelta(hours=24)
CACHE_SECONDS = 60
CACHE_KEY = "percipio_openedx:counts"

NOT_REPORTED = "not_reported"

# By site, day, and state (or NOT_REPORTED).
Days = dict[int, dict[date, dict[str, int]]]


@dataclass(slots=True)
class Counts:
    """As of ``at``: traffic by destination; by site, learners held back by reason and what became of each day."""

    at: datetime
    traffic: dict[int, dict[str, Any]]
    held: dict[int, dict[str, int]]
    days: Days


def cached(*, fresh: bool) -> Counts:
    """Return the counts, at most a minute old unless fresh ones are wanted."""
    found: Counts | None = None if fresh else cache.get(CACHE_KEY)
    if found is None:
        found = take(timezone.now())
        cache.set(CACHE_KEY, found, timeout=CACHE_SECONDS)
    return found


def take(now: datetime) -> Counts:
    """Count for every site that is configured or ever reported, or held back, anything."""
    sites = sorted({*site_ids(), *LearnerCourse.objects.values_list("site_id", flat=True).distinct().order_by()})
    held: dict[int, dict[str, int]] = {site_id: {} for site_id in sites}
    # Greater than, so that the index on site and reason serves.
    rows = LearnerCourse.objects.filter(site_id__in=sites, hold_reason__gt="").order_by()
    for site_id, reason, count in rows.values_list("site_id", "hold_reason").annotate(Count("pk")):
        held[site_id][reason] = count
    return Counts(now, _traffic(now), held, _days(sites, now))


def _traffic(now: datetime) -> dict[int, dict[str, Any]]:
    """Return, by destination, the requests of the last 24 hours, their success and latency, and the last failure."""
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
    """Return what became of the statements of each day (in UTC), and how many learners were held back then."""
    first = (now.astimezone(UTC) - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(first + timedelta(days=number)).date() for number in range(DAYS)]
    counts: Days = {site_id: {day: {} for day in days} for site_id in sites}
    # All statements are counted by an index alone, and the few that are not delivered by their states.
    recent = Statement.objects.filter(site_id__in=sites, stored_at__gte=first).order_by()
    made = recent.annotate(day=TruncDate("stored_at", tzinfo=UTC))
    for site_id, day, count in made.values_list("site_id", "day").annotate(Count("pk")):
        counts[site_id].setdefault(day, {})[State.DELIVERED] = count
    others = made.filter(state__in=[state for state in State if state != State.DELIVERED])
    for site_id, day, state, count in others.values_list("site_id", "day", "state").annotate(Count("pk")):
        # What is being sent waits until it is answered, and what is to be built anew until then.
        name = State.WAITING if state in OPEN_STATES else State(state)
        of_day = counts[site_id].setdefault(day, {})
        of_day[name] = of_day.get(name, 0) + count
        of_day[State.DELIVERED] = max(0, of_day.get(State.DELIVERED, 0) - count)
    held = LearnerCourse.objects.filter(site_id__in=sites, hold_reason__gt="", looked_at__gte=first).order_by()
    by_day = held.annotate(day=TruncDate("looked_at", tzinfo=UTC))
    for site_id, day, count in by_day.values_list("site_id", "day").annotate(Count("pk")):
        counts[site_id].setdefault(day, {})[NOT_REPORTED] = count
    return counts


def chart(days: Mapping[date, Mapping[str, int]], series: Sequence[str]) -> dict[str, Any] | None:
    """Stack the series of each day for the template ``chart.html``; None where there is nothing to see.

    Arguments:
        days: counts by day and series.
        series: what to show, from the bottom up.

    Returns:
        ``top``, the number at the upper edge, ``half`` of it, and ``days`` in order, each with its bars from the bottom
        up: series, distance of its top from the upper edge, count.
    """
    highest = max((sum(counts.get(name, 0) for name in series) for counts in days.values()), default=0)
    if not highest:
        return None
    top = round_above(highest)
    found = []
    for day in sorted(days):
        bars, place = [], top
        for name in series:
            if count := days[day].get(name, 0):
                place -= count
                bars.append((name, place, count))
        found.append((day, bars))
    return {"days": found, "top": top, "half": top // 2}


def round_above(number: int) -> int:
    """Return the smallest of 2, 4, 10, 20, 40, 100, ... that is not below the number."""
    top = 2
    while top < number:
        # From 2 to 4 to 10.
        top = top * 5 // 2 if str(top).startswith("4") else top * 2
    return top
