"""The numbers of the overview that cost a second with millions of rows, so that they are kept for a minute: traffic,
what became of each day's statements, and who is held back.

A number of queries that does not grow with learners, statements or destinations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.core.cache import cache
from django.db.models import Avg, Count, Max, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from percipio_openedx.enums import Outcome
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import OPEN_STATES, State, Statement
from percipio_openedx.operations.sites import site_ids

# Days in the plot, and the span of success rate and latency.
DAYS = 14
LATELY = timedelta(hours=24)
# Seconds for which the figures are kept.
KEPT = 60
KEY = "percipio_openedx:figures"

NOT_REPORTED = "not_reported"

# By site, day, and state (or NOT_REPORTED).
Counts = dict[int, dict[date, dict[str, int]]]


@dataclass(slots=True)
class Traffic:
    """A destination's last 24 hours: requests, how many were taken, milliseconds, statements, the last failure."""

    requests: int = 0
    taken: int = 0
    average_ms: int = 0
    longest_ms: int = 0
    statements: int = 0
    last_bad: DeliveryAttempt | None = None

    @property
    def success_percent(self) -> int | None:
        """Requests that were taken in whole percent, rounded down; None without any."""
        return self.taken * 100 // self.requests if self.requests else None


@dataclass(slots=True)
class Figures:
    """As of ``at``: traffic by destination; by site, learners held back by reason and what became of each day."""

    at: datetime
    traffic: dict[int, Traffic] = field(default_factory=dict)
    held: dict[int, dict[str, int]] = field(default_factory=dict)
    days: Counts = field(default_factory=dict)


def kept(*, fresh: bool) -> Figures:
    """Return the figures, at most a minute old unless fresh ones are wanted."""
    found: Figures | None = None if fresh else cache.get(KEY)
    if found is None:
        found = gathered(timezone.now())
        cache.set(KEY, found, timeout=KEPT)
    return found


def gathered(now: datetime) -> Figures:
    """Return the figures of every site that is configured or ever reported, or held back, anything."""
    sites = sorted({*site_ids(), *LearnerCourse.objects.values_list("site_id", flat=True).distinct().order_by()})
    held: dict[int, dict[str, int]] = {site_id: {} for site_id in sites}
    # Greater than, so that the index on site and reason serves.
    rows = LearnerCourse.objects.filter(site_id__in=sites, hold_reason__gt="").order_by()
    for site_id, reason, count in rows.values_list("site_id", "hold_reason").annotate(Count("pk")):
        held[site_id][reason] = count
    return Figures(now, _traffic(now), held, _days(sites, now))


def _traffic(now: datetime) -> dict[int, Traffic]:
    lately = DeliveryAttempt.objects.filter(started_at__gte=now - LATELY).order_by()
    taken = Q(outcome__in=(Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.CONFLICT))
    columns = lately.values("destination_id").annotate(
        requests=Count("pk"),
        taken=Count("pk", filter=taken),
        average=Avg("duration_ms"),
        longest=Max("duration_ms"),
        statements=Sum("accepted"),
        bad=Max("pk", filter=~taken),
    )
    found: dict[int, Traffic] = {}
    bad: list[int] = []
    for row in columns:
        found[row["destination_id"]] = Traffic(
            row["requests"], row["taken"], round(row["average"]), row["longest"], row["statements"]
        )
        bad += [row["bad"]] if row["bad"] else []
    for attempt in DeliveryAttempt.objects.filter(pk__in=bad):
        found[attempt.destination_id].last_bad = attempt
    return found


def _days(sites: list[int], now: datetime) -> Counts:
    """Return what became of the statements of each day (in UTC), and how many learners were held back then."""
    first = (now.astimezone(UTC) - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(first + timedelta(days=number)).date() for number in range(DAYS)]
    counts: Counts = {site_id: {day: {} for day in days} for site_id in sites}
    _add_statements(counts, sites, first)
    held = LearnerCourse.objects.filter(site_id__in=sites, hold_reason__gt="", observed_at__gte=first)
    by_day = held.annotate(day=TruncDate("observed_at", tzinfo=UTC)).values_list("site_id", "day")
    for site_id, day, count in by_day.annotate(Count("pk")).order_by():
        counts[site_id].setdefault(day, {})[NOT_REPORTED] = count
    return counts


def _add_statements(counts: Counts, sites: list[int], first: datetime) -> None:
    """Count all by an index alone, and the few that are not delivered by their states; the rest is delivered."""
    recent = Statement.objects.filter(site_id__in=sites, stored_at__gte=first)
    made = recent.annotate(day=TruncDate("stored_at", tzinfo=UTC))
    for site_id, day, count in made.values_list("site_id", "day").annotate(Count("pk")).order_by():
        counts[site_id].setdefault(day, {})[State.DELIVERED] = count
    others = made.filter(state__in=[state for state in State if state != State.DELIVERED])
    for site_id, day, state, count in others.values_list("site_id", "day", "state").annotate(Count("pk")).order_by():
        # What is being sent waits until it is answered, and what is to be built anew until then.
        name = State.WAITING if state in OPEN_STATES else State(state)
        of_day = counts[site_id].setdefault(day, {})
        of_day[name] = of_day.get(name, 0) + count
        of_day[State.DELIVERED] = max(0, of_day.get(State.DELIVERED, 0) - count)
