"""The numbers of the overview: a number of queries that does not grow with learners, statements or destinations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.contrib.sites.models import Site
from django.db.models import Avg, Count, Exists, Max, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from percipio_openedx import config
from percipio_openedx.codes import Outcome
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.ledger import StatementLedger
from percipio_openedx.models.observation_failure import ObservationFailure
from percipio_openedx.models.statement import OPEN_STATES, State, Statement
from percipio_openedx.operations.sites import without_courses
from percipio_openedx.reporting import failures

# Days in the plot, and the span of success rate and latency.
DAYS = 14
LATELY = timedelta(hours=24)
# What could have left longer ago than this waits for a worker.
TOO_LONG = timedelta(minutes=15)
# Course runs that cannot be read and are named one by one.
MOST_NAMED = 20

UNSETTLED = (*OPEN_STATES, State.PARKED)
NOT_REPORTED = "not_reported"

# By site, day, and state (or NOT_REPORTED).
Counts = defaultdict[int, dict[date, dict[str, int]]]


@dataclass(slots=True)
class Traffic:
    """Requests of the last 24 hours: how many, how many were taken, milliseconds, statements taken."""

    requests: int = 0
    taken: int = 0
    average_ms: int = 0
    longest_ms: int = 0
    statements: int = 0
    last_at: datetime | None = None

    @property
    def success_percent(self) -> int | None:
        """Requests that were taken in whole percent, rounded down; None without any."""
        return self.taken * 100 // self.requests if self.requests else None


@dataclass(slots=True)
class DestinationFigures:
    """One destination: its rows by state, when its oldest waiting one was made, its traffic and its last bad answer.

    It is stuck when a statement could have left long ago, and nothing was tried since.
    """

    row: Destination
    counts: dict[str, int] = field(default_factory=dict)
    waiting_since: datetime | None = None
    is_stuck: bool = False
    traffic: Traffic = field(default_factory=Traffic)
    last_bad: DeliveryAttempt | None = None

    @property
    def waiting(self) -> int:
        """Statements that are still on their way."""
        return sum(self.counts.get(state, 0) for state in OPEN_STATES)

    @property
    def parked(self) -> int:
        """Statements that Percipio refused."""
        return self.counts.get(State.PARKED, 0)


@dataclass(slots=True)
class SiteFigures:
    """One site: its destinations, whom it holds back and why, and what became of each day's statements.

    ``may_have_courses`` is whether a course can belong to it, if it has a configuration of its own.
    """

    site_id: int
    domain: str
    may_have_courses: bool = True
    destinations: list[DestinationFigures] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    days: dict[date, dict[str, int]] = field(default_factory=dict)

    @property
    def waiting_since(self) -> datetime | None:
        """When the oldest waiting statement was made."""
        return min((found.waiting_since for found in self.destinations if found.waiting_since), default=None)

    def total(self, name: str) -> int:
        """The sum of ``waiting`` or ``parked`` over the destinations."""
        return sum(int(getattr(found, name)) for found in self.destinations)


@dataclass(frozen=True, slots=True)
class Hints:
    """What waits for a look: when the oldest notice was written that a worker should have taken up, and what failed.

    ``failing`` are the first of ``failing_courses`` course runs that the LMS cannot be asked about.
    """

    oldest: datetime | None = None
    failing: tuple[ObservationFailure, ...] = ()
    failing_courses: int = 0
    failing_learners: int = 0


def gathered(now: datetime) -> tuple[list[SiteFigures], Hints]:
    """The figures of every site that is configured or ever reported anything."""
    destinations = _destinations(now)
    ids = {found.row.site_id for found in destinations} | set(StatementLedger.objects.values_list("pk", flat=True))
    for model in (PercipioConfiguration, LearnerCourse):
        ids |= set(model.objects.values_list("site_id", flat=True).distinct().order_by())
    domains = dict(Site.objects.filter(pk__in=ids | {config.default_site_id()}).values_list("pk", "domain"))
    sites = {pk: SiteFigures(pk, domains.get(pk, str(pk))) for pk in sorted(ids | {config.default_site_id()})}
    for found in destinations:
        sites[found.row.site_id].destinations.append(found)
    with suppress(PlatformUnavailable):
        for site_id in without_courses() & set(sites):
            sites[site_id].may_have_courses = False
    for site_id, reason, count in _held(sites).values_list("site_id", "hold_reason").annotate(Count("pk")).order_by():
        sites[site_id].held[reason] = count
    _add_days(sites, now)
    return list(sites.values()), _hints(now)


def _hints(now: datetime) -> Hints:
    courses = ObservationFailure.objects.of_courses().order_by("pk")
    failing = tuple(courses[:MOST_NAMED])
    return Hints(
        oldest=failures.oldest_notice(now),
        failing=failing,
        failing_courses=len(failing) if len(failing) < MOST_NAMED else courses.count(),
        failing_learners=ObservationFailure.objects.of_learners().count(),
    )


def _held(sites: Iterable[int]) -> QuerySet[LearnerCourse]:
    # Greater than, so that the index on site and reason serves.
    return LearnerCourse.objects.filter(site_id__in=list(sites), hold_reason__gt="")


def _destinations(now: datetime) -> list[DestinationFigures]:
    found = {row.pk: DestinationFigures(row) for row in Destination.objects.order_by("site_id", "organization")}
    oldest: dict[int, int] = {}
    rows = Statement.objects.filter(destination_id__in=list(found), state__in=UNSETTLED)
    for pk, state, count, first in (
        rows.values_list("destination_id", "state").annotate(Count("pk"), Min("pk")).order_by()
    ):
        found[pk].counts[state] = count
        if state in OPEN_STATES:
            oldest[pk] = min(first, oldest.get(pk, first))
    stored = dict(Statement.objects.filter(pk__in=oldest.values()).values_list("pk", "stored_at"))
    for pk, first in oldest.items():
        found[pk].waiting_since = stored.get(first)
    _add_traffic(found, now)
    _mark_stuck(found, now)
    return list(found.values())


def _mark_stuck(found: dict[int, DestinationFigures], now: datetime) -> None:
    """Its way is open, its turn has come, and nobody has tried."""
    late = now - TOO_LONG
    # The others are not asked for: MariaDB may read everything that waits for those that are.
    quiet = [pk for pk, one in found.items() if one.traffic.last_at is None or one.traffic.last_at < late]
    due = Statement.objects.filter(destination_id=OuterRef("pk")).due(late).heads_of_line()
    may = Q(retry_at=None) | Q(retry_at__lt=late)
    for pk in Destination.objects.filter(may, Exists(due), pk__in=quiet).values_list("pk", flat=True):
        found[pk].is_stuck = True


def _add_traffic(found: dict[int, DestinationFigures], now: datetime) -> None:
    lately = DeliveryAttempt.objects.filter(started_at__gte=now - LATELY).order_by()
    taken = Q(outcome__in=(Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.CONFLICT))
    columns = lately.values("destination_id").annotate(
        requests=Count("pk"),
        taken=Count("pk", filter=taken),
        average=Avg("duration_ms"),
        longest=Max("duration_ms"),
        statements=Sum("accepted"),
        bad=Max("pk", filter=~taken),
        last=Max("started_at"),
    )
    bad: dict[int, int] = {}
    for row in columns:
        found[row["destination_id"]].traffic = Traffic(
            row["requests"], row["taken"], round(row["average"]), row["longest"], row["statements"], row["last"]
        )
        if row["bad"]:
            bad[row["bad"]] = row["destination_id"]
    for attempt in DeliveryAttempt.objects.filter(pk__in=bad):
        found[bad[attempt.pk]].last_bad = attempt


def _add_days(sites: dict[int, SiteFigures], now: datetime) -> None:
    """What became of the statements of each day (in UTC), and how many learners were held back at their last look."""
    first = (now.astimezone(UTC) - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(first + timedelta(days=number)).date() for number in range(DAYS)]
    counts: Counts = defaultdict(lambda: {day: {} for day in days})
    _add_statements(counts, list(sites), first)
    held = _held(sites).filter(looked_at__gte=first).annotate(day=TruncDate("looked_at", tzinfo=UTC))
    for site_id, day, count in held.values_list("site_id", "day").annotate(Count("pk")).order_by():
        counts[site_id].setdefault(day, {})[NOT_REPORTED] = count
    for site_id, site in sites.items():
        site.days = counts[site_id]


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
