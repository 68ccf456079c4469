"""The figures themselves: what waits, how destinations fare, what was sent lately. Ids only, nobody is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, QuerySet, Sum
from django.utils import timezone

from percipio_openedx.models.alert import Alert
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.erasure import ErasureRequest
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.observation_failure import ObservationFailure
from percipio_openedx.models.statement import OPEN_STATES, State, Statement
from percipio_openedx.operations.sites import site_ids
from percipio_openedx.reporting import failures

PREFIX = "percipio_"
# The span of the figures about requests: longer than two scrapes lie apart.
LATELY = timedelta(minutes=5)
OPEN = (*OPEN_STATES, State.PARKED)


@dataclass(slots=True)
class Figure:
    """One gauge: its name, what it means, its labels and, by their values, its numbers."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    values: dict[tuple[str, ...], float] = field(default_factory=dict)


def figures() -> Iterator[Figure]:
    """All of them; a number of queries that does not grow with statements or destinations."""
    now = timezone.now()
    rows = {row.pk: row for row in Destination.objects.order_by("pk")}
    labels = {pk: (str(row.site_id), row.organization) for pk, row in rows.items()}
    yield from _statements(labels, now)
    yield from _destinations(rows, labels)
    yield from _requests(labels, now)
    yield from _waiting(now)


def _statements(labels: dict[int, tuple[str, str]], now: datetime) -> Iterator[Figure]:
    counts = Figure("statements", "Statements that are not settled, by state", ("site", "organization", "state"))
    oldest = Figure("oldest_statement_seconds", "Age of the oldest open statement", ("site", "organization"))
    counts.values = {(*label, state): 0 for label in labels.values() for state in OPEN}
    firsts = []
    # Of every destination, so that the queue's index answers alone.
    rows = Statement.objects.filter(destination_id__in=list(labels), state__in=OPEN)
    grouped = rows.order_by().values_list("destination_id", "state")
    for pk, state, count, first in grouped.annotate(Count("pk"), Min("pk")):
        counts.values[(*labels[pk], state)] += count
        firsts += [first] if state in OPEN_STATES else []
    oldest.values = dict.fromkeys(labels.values(), 0)
    for pk, stored_at in Statement.objects.filter(pk__in=firsts).values_list("destination_id", "stored_at"):
        oldest.values[labels[pk]] = max(oldest.values[labels[pk]], (now - stored_at).total_seconds())
    yield counts
    yield oldest


def _destinations(rows: dict[int, Destination], labels: dict[int, tuple[str, str]]) -> Iterator[Figure]:
    names = ("site", "organization")
    paused = Figure("destination_paused", "1 where a person has to mend something", names)
    failures = Figure("destination_failures", "Failed requests in a row", names)
    success = Figure("destination_last_success_timestamp_seconds", "When a statement was last taken", names)
    for figure in (paused, failures, success):
        figure.values = dict.fromkeys(labels.values(), 0)
    # An organization that was reported to with credentials of the site's own, and with those of the settings, has two.
    for pk, row in rows.items():
        at = row.last_success_at.timestamp() if row.last_success_at else 0
        for figure, value in ((paused, int(bool(row.paused_reason))), (failures, row.failures), (success, at)):
            figure.values[labels[pk]] = max(figure.values[labels[pk]], value)
    yield from (paused, failures, success)


def _requests(labels: dict[int, tuple[str, str]], now: datetime) -> Iterator[Figure]:
    names = ("site", "organization", "outcome")
    requests = Figure("requests_5m", "Requests of the last five minutes, by outcome", names)
    accepted = Figure("accepted_5m", "Statements that were taken in the last five minutes", names)
    longest = Figure("request_longest_seconds_5m", "The longest request of the last five minutes", names)
    lately = DeliveryAttempt.objects.filter(started_at__gte=now - LATELY).order_by()
    grouped = lately.values_list("destination_id", "outcome")
    for pk, outcome, count, taken, milliseconds in grouped.annotate(Count("pk"), Sum("accepted"), Max("duration_ms")):
        label = (*labels[pk], outcome)
        requests.values[label] = count
        accepted.values[label] = taken
        longest.values[label] = milliseconds / 1000
    yield from (requests, accepted, longest)


def _waiting(now: datetime) -> Iterator[Figure]:
    noticed = failures.oldest_notice(now)
    age = (now - noticed).total_seconds() if noticed else 0
    yield Figure("oldest_notice_seconds", "Age of the oldest notice that waits for a look", values={(): age})
    failing = Figure("observation_failures", "Course runs and learners that cannot be observed", ("of", "part"))
    for of, rows in (
        ("course", ObservationFailure.objects.of_courses()),
        ("learner", ObservationFailure.objects.of_learners()),
    ):
        for part, count in rows.order_by().values_list("part").annotate(Count("pk")):
            failing.values[of, part] = count
    yield failing
    held = Figure("held_learners", "Learners in courses held back at the last look", ("site", "reason"))
    # Every site, and greater than, so that the index on site and reason serves.
    for site_id, reason, count in _grouped_holds():
        held.values[(str(site_id), reason)] = count
    yield held
    alerts = Figure("alerts", "1 for each thing that is out of order", ("kind", "subject"))
    alerts.values = dict.fromkeys(Alert.objects.filter(is_on=True).order_by("pk").values_list("kind", "subject"), 1)
    yield alerts
    erasures = ErasureRequest.objects.filter(done_at__isnull=True).count()
    yield Figure("erasures_open", "Erasures to be asked of Skillsoft", values={(): erasures})


def _grouped_holds() -> QuerySet[LearnerCourse, tuple[int, str, int]]:
    rows = LearnerCourse.objects.filter(site_id__in=site_ids(), hold_reason__gt="").order_by()
    return rows.values_list("site_id", "hold_reason").annotate(Count("pk"))
