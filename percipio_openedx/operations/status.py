"""Take one snapshot of an installation, the basis of overview, doctor, alerts and metrics.

*Late* is defined here:

* Not late if not yet due: a notice while acts are gathered (``PERCIPIO_OBSERVE_AFTER``), a statement or destination
  before its retry, a course run before it is read again.
* Waiting for a worker if due for longer than ``PERCIPIO_ALERT_AFTER`` without an attempt.
* Statements of a paused or failing destination are that destination's problem; those waiting for an invalid
  configuration are the configuration's.
* Deliberately switched off is no problem.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.apps import apps
from django.db import connections, router
from django.db.models import Count, Min, Q
from django.utils.translation import gettext_noop

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.delivery.claim import misdated_destinations, misdated_leases, misdated_statements
from percipio_openedx.enums import SWITCHED_OFF, HoldReason
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.catalog import CatalogEntry
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.learner_course import EVERY_COURSE, LearnerCourse, Notice, ObservationFailure
from percipio_openedx.models.operations import Alert, ErasureRequest, Sweep
from percipio_openedx.models.statement import LONGEST_LEASE, OPEN_STATES, State, Statement, StatementLedger
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.operations import sites
from percipio_openedx.operations.sites import DestinationStatus, SiteStatus
from percipio_openedx.reporting import failures
from percipio_openedx.reporting.due import MOST_AHEAD

logger = logging.getLogger(__name__)

# States counted: delivered, discarded or skipped statements need no attention.
UNSETTLED = (*OPEN_STATES, State.PARKED)
# Course runs that are named; any others are known by their keys.
MOST_NAMED = 50
# Destinations whose overdue statements are examined one by one, and how many; any others count as late.
MOST_SEARCHED = 5
PAGE = 500
# Notices have only their key as index: the newest searched for future times.
NEWEST_NOTICES = 1000


@dataclass(slots=True)
class Snapshot:
    """The installation at one moment.

    ``late_notice`` is the time of the oldest notice waiting for a worker, ``oldest_notice`` that of the oldest not held
    up by a failing course. ``courses`` are unreadable course runs, ``course_names`` the names of the first;
    ``learners`` counts single ones by reason, ``not_rebuilt`` statements that could not be rebuilt by reason,
    ``future_times`` times stored by a wrong clock. ``charsets`` are tables that cannot hold every character.
    """

    at: datetime
    patience: timedelta
    is_on: bool
    sites: dict[int, SiteStatus]
    oldest_notice: datetime | None
    late_notice: datetime | None
    courses: Sequence[ObservationFailure]
    course_names: dict[str, str]
    learners: dict[str, int]
    not_rebuilt: dict[str, int]
    future_times: dict[str, int]
    charsets: Sequence[str]
    open_erasures: int
    alerts: Sequence[Alert]

    @property
    def destinations(self) -> list[DestinationStatus]:
        return [found for site in self.sites.values() for found in site.destinations]

    @property
    def reporting(self) -> list[tuple[str, Configuration]]:
        """Return the name and the configuration of each site that reports."""
        return [(site.name, site.configuration) for site in self.sites.values() if site.configuration is not None]

    def reports(self) -> bool:
        """Return whether any site reports, or would but for a mistake."""
        return any(site.in_force is not None for site in self.sites.values())


def take(now: datetime, more_sites: Iterable[int] = ()) -> Snapshot:
    """Read everything; the number of queries does not grow with sites, destinations or rows.

    ``more_sites`` are named besides those configured or ever reported.
    """
    patience = waiting_time()
    destinations = _destinations(now, now - patience)
    statuses = _sites({*more_sites, *(found.row.site_id for found in destinations)})
    for found in destinations:
        statuses[found.row.site_id].destinations.append(found)
    if config.sweeps():
        for row in Sweep.objects.filter(site_id__in=list(statuses)):
            statuses[row.site_id].sweep = row
    mistaken = {site.site_id for site in statuses.values() if site.mistake}
    learners = ObservationFailure.objects.of_learners().order_by().values_list("reason").annotate(Count("pk"))
    anew = Statement.objects.filter(destination__in=[found.row for found in destinations], state=State.OUTDATED)
    # Those that wait for a learner whom Percipio does not know are counted by learner.
    anew = anew.exclude(answer__endswith=HoldReason.UNKNOWN_TO_PERCIPIO)
    not_rebuilt = anew.filter(attempts__gt=0).order_by().values_list("answer").annotate(Count("pk"))
    courses = list(ObservationFailure.objects.of_courses().order_by("pk"))
    return Snapshot(
        at=now,
        patience=patience,
        is_on=config.is_on(),
        sites=statuses,
        oldest_notice=failures.oldest_notice(now),
        late_notice=late_notice(now, mistaken),
        courses=courses,
        course_names=sites.course_names(row.course_key for row in courses[:MOST_NAMED]),
        learners=dict(sorted(learners)),
        not_rebuilt=dict(sorted(not_rebuilt)),
        future_times=_future_times(now),
        charsets=incomplete_charsets(),
        open_erasures=ErasureRequest.objects.filter(done_at__isnull=True).count(),
        alerts=list(Alert.objects.filter(is_on=True).order_by("changed_at", "pk")),
    )


def waiting_time() -> timedelta:
    """Return how long due work may wait (``PERCIPIO_ALERT_AFTER``); an hour if the setting is invalid."""
    try:
        return timedelta(seconds=config.alert_after())
    except PercipioConfigurationError as error:
        logger.warning("alert threshold unreadable problem=%s", error)
        return timedelta(hours=1)


def late_notice(now: datetime, mistaken: Collection[int] | None = None) -> datetime | None:
    """Return the time of the oldest notice that a worker should have taken up; None if there is none.

    Notices of ``mistaken`` (misconfigured) sites wait through no fault of a worker; None to read the configurations.
    """
    before = now - waiting_time() - timedelta(seconds=config.gathering())
    # Times from a wrong clock do not tell how long a notice has waited.
    rows = failures.unhindered(now).filter(noticed_at__lte=now + MOST_AHEAD).order_by("pk")
    times = rows.values_list("noticed_at", flat=True)
    oldest = times.first()
    if oldest is None or oldest >= before:
        return None
    if mistaken is None:
        configured = sites.configurations().items()
        mistaken = {site_id for site_id, one in configured if isinstance(one, PercipioConfigurationError)}
    if mistaken:
        waiting = rows.filter(noticed_at__lt=before).order_by().values_list("course_key", flat=True).distinct()
        oldest = times.exclude(course_key__in=_of_sites(waiting, mistaken)).first()
    return oldest if oldest is not None and oldest < before else None


def _of_sites(course_keys: Iterable[str], site_ids: Collection[int]) -> list[str]:
    """Return the course runs that belong to these sites; none if the LMS does not say."""
    try:
        by_org, default = edx_platform.sites_by_org(), config.default_site_id()
    except PlatformUnavailable:
        return []
    found = []
    for key in course_keys:
        with suppress(PlatformUnavailable):
            if key != EVERY_COURSE and by_org.get(edx_platform.org_of(key), default) in site_ids:
                found.append(key)
    return found


def _sites(more: Iterable[int]) -> dict[int, SiteStatus]:
    rows, accounts = sites.newest_rows(), sites.newest_accounts()
    ledgers = StatementLedger.objects.values_list("pk", flat=True)
    names = sites.names({config.default_site_id(), *rows, *accounts, *ledgers, *more})
    in_force = sites.in_force(names, rows, accounts)
    nowhere: set[int] = set()
    with suppress(PlatformUnavailable):
        nowhere = sites.without_courses()
    return {
        pk: SiteStatus(
            pk,
            name,
            in_force[pk],
            is_chosen=in_force[pk] is not None or not config.is_on() or (pk in rows and not rows[pk].enabled),
            may_have_courses=pk not in nowhere,
        )
        for pk, name in names.items()
    }


def _destinations(now: datetime, before: datetime) -> list[DestinationStatus]:
    found = {
        row.pk: DestinationStatus(row) for row in Destination.objects.order_by("site_id", "account", "organization")
    }
    # List every destination, so that the queue's index is enough.
    rows = Statement.objects.filter(destination_id__in=list(found), state__in=UNSETTLED).order_by()
    firsts: dict[int, tuple[int, str]] = {}
    for pk, state, count, first in rows.values_list("destination_id", "state").annotate(Count("pk"), Min("pk")):
        found[pk].counts[state] = count
        firsts[first] = pk, state
    for first, stored_at in Statement.objects.filter(pk__in=list(firsts)).values_list("pk", "stored_at"):
        pk, state = firsts[first]
        found[pk].oldest[state] = stored_at
    unknown = UnknownLearner.objects.order_by().values_list("destination_id").annotate(Count("pk"))
    for pk, count in unknown:
        if pk in found:
            found[pk].unknown_learners = count
    items = CatalogEntry.objects.order_by().values_list("destination_id", "state").annotate(Count("pk"))
    for pk, state, count in items:
        if pk in found:
            found[pk].items[state] = count
    for pk in _late(now, before, [pk for pk, one in found.items() if one.waiting]):
        found[pk].is_late = True
    return list(found.values())


def _late(now: datetime, before: datetime, waiting: list[int]) -> set[int]:
    """Return the destinations where something could have left before that moment, with no attempt since.

    A statement behind an earlier one of the same learner and course is judged by that one.
    """
    if not waiting:
        return set()
    tried = DeliveryAttempt.objects.filter(started_at__gte=before, started_at__lte=now + MOST_AHEAD).order_by()
    quiet = set(waiting) - set(tried.values_list("destination_id", flat=True).distinct())
    is_open = Q(failures=0, paused_reason__in=("", *SWITCHED_OFF), retry_at=None)
    may = list(Destination.objects.filter(is_open | Q(retry_at__lt=before), pk__in=quiet).values_list("pk", flat=True))
    # The first entries of the queue's index, one for each destination.
    rows = Statement.objects.filter(state=State.WAITING, destination_id__in=may).order_by()
    firsts = rows.values_list("destination_id").annotate(Min("due_at"))
    overdue = [pk for pk, due_at in firsts if due_at <= before]
    late = {pk for pk in overdue[:MOST_SEARCHED] if _may_leave(pk, before)} | set(overdue[MOST_SEARCHED:])
    # Left by a dead worker: any worker's next pass would have released them.
    left = Statement.objects.filter(state=State.SENDING, leased_until__lt=before, destination_id__in=quiet)
    return late | set(left.order_by().values_list("destination_id", flat=True).distinct())


def held(site_ids: Iterable[int]) -> Iterator[tuple[int, str, int]]:
    """Yield how many learners in courses of these sites are held back, by site and reason."""
    # "Greater than", so that the index on site and reason is used.
    rows = LearnerCourse.objects.filter(site_id__in=list(site_ids), hold_reason__gt="").order_by()
    yield from rows.values_list("site_id", "hold_reason").annotate(Count("pk"))


def _may_leave(destination_id: int, before: datetime) -> bool:
    """Return whether one of the first due is a head of line. As one query MariaDB may read the whole queue."""
    due = Statement.objects.filter(destination_id=destination_id).due(before).order_by("due_at", "id")
    page = list(due.values_list("pk", flat=True)[:PAGE])
    return Statement.objects.filter(pk__in=page).heads_of_line().exists()


def _future_times(now: datetime) -> dict[str, int]:
    far = now + MOST_AHEAD
    newest = Notice.objects.order_by("-pk").values_list("noticed_at", flat=True)[:NEWEST_NOTICES]
    # With a lease, so that the index finds the few that have one.
    leased = LearnerCourse.objects.filter(lease__isnull=False, leased_until__gt=now + LONGEST_LEASE)
    counts = {
        gettext_noop("statements"): misdated_statements(now).count() + misdated_leases(now).count(),
        gettext_noop("destinations"): misdated_destinations(now).count(),
        gettext_noop("notices"): sum(at > far for at in newest),
        gettext_noop("learners in courses"): leased.count(),
        gettext_noop("times of storing"): StatementLedger.objects.filter(last_stored_at__gt=far).count(),
    }
    return {what: count for what, count in counts.items() if count}


def incomplete_charsets() -> list[str]:
    """Return the tables that cannot hold every character, as in installations older than utf8mb4."""
    connection = connections[router.db_for_write(Statement)]
    if connection.vendor != "mysql":
        return []
    tables = sorted(model._meta.db_table for model in apps.get_app_config("percipio_openedx").get_models())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT table_name, character_set_name FROM information_schema.columns WHERE "
            "table_schema = DATABASE() AND character_set_name NOT IN ('utf8mb4', 'ascii') AND table_name IN %s "
            "ORDER BY table_name, character_set_name",
            [tables],
        )
        return [f"{table} ({charset})" for table, charset in cursor.fetchall()]
