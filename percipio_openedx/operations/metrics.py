"""Figures for whoever scrapes, in Prometheus's text form (``prometheus_client``, the ``metrics`` extra).

A face of ``status`` and ``problems``: what waits, how destinations fare, what is wrong, what was sent lately. Ids only,
nobody is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec

from django.core.cache import cache
from django.db.models import Count, Max, Sum
from django.utils import timezone

from percipio_openedx.models.destination import DeliveryAttempt
from percipio_openedx.models.learner_course import LearnerCourse, ObservationFailure
from percipio_openedx.operations import diagnosis, status
from percipio_openedx.operations.snapshot import Snapshot

PREFIX = "percipio_"
# The span of the figures about requests: longer than two scrapes lie apart.
LATELY = timedelta(minutes=5)
# Seconds for which the text is kept, so that several scrapers cost one count.
KEPT = 15
KEY = "percipio_openedx:metrics"

Labels = dict[int, tuple[str, str]]


@dataclass(slots=True)
class Figure:
    """One gauge: its name, what it means, its labels and, by their values, its numbers."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    values: dict[tuple[str, ...], float] = field(default_factory=dict)


def figures() -> Iterator[Figure]:
    """Yield all of them; a number of queries that does not grow with statements or destinations."""
    snapshot = status.take(timezone.now())
    labels = {found.row.pk: (str(found.row.site_id), found.row.organization) for found in snapshot.destinations}
    yield from _destinations(snapshot, labels)
    yield from _requests(snapshot.at, labels)
    yield from _observing(snapshot)
    yield from _problems(snapshot)


def _destinations(snapshot: Snapshot, labels: Labels) -> Iterator[Figure]:
    names = ("site", "organization")
    counts = Figure("statements", "Statements that are not settled, by state", (*names, "state"))
    oldest = Figure("oldest_statement_seconds", "Age of the oldest open statement", names)
    paused = Figure("destination_paused", "1 where a person has to fix something", names)
    failing = Figure("destination_failures", "Failed requests in a row", names)
    success = Figure("destination_last_success_timestamp_seconds", "When a statement was last taken", names)
    # An organization that was reported to with credentials of the site's own, and with those of the settings, has two.
    for found in snapshot.destinations:
        row, label = found.row, labels[found.row.pk]
        for state in status.UNSETTLED:
            counts.values[*label, state] = counts.values.get((*label, state), 0) + found.counts.get(state, 0)
        age = (snapshot.at - found.waiting_since).total_seconds() if found.waiting_since else 0
        at = row.last_success_at.timestamp() if row.last_success_at else 0
        is_paused = int(bool(row.paused_reason))
        for figure, value in ((oldest, age), (paused, is_paused), (failing, row.failures), (success, at)):
            figure.values[label] = max(figure.values.get(label, 0), value)
    yield from (counts, oldest, paused, failing, success)


def _requests(now: datetime, labels: Labels) -> Iterator[Figure]:
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


def _observing(snapshot: Snapshot) -> Iterator[Figure]:
    age = (snapshot.at - snapshot.oldest_notice).total_seconds() if snapshot.oldest_notice else 0
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
    learners = LearnerCourse.objects.filter(site_id__in=list(snapshot.sites), hold_reason__gt="").order_by()
    for site_id, reason, count in learners.values_list("site_id", "hold_reason").annotate(Count("pk")):
        held.values[str(site_id), reason] = count
    yield held


def _problems(snapshot: Snapshot) -> Iterator[Figure]:
    alerts = Figure("alerts", "1 for each problem that operators were told of", ("kind", "subject"))
    alerts.values = {(row.kind, row.subject): 1 for row in snapshot.alerts}
    yield alerts
    found = Figure("problems", "1 for each problem, whether told or not", ("kind", "severity", "subject"))
    found.values = {(one.code.value, one.severity.value, one.subject): 1 for one in diagnosis.find(snapshot)}
    yield found
    yield Figure("erasures_open", "Erasures to be asked of Skillsoft", values={(): snapshot.open_erasures})


# --- the text --------------------------------------------------------------------------------------------------------


def is_available() -> bool:
    """Return whether ``prometheus_client`` is installed: it comes with the ``metrics`` extra."""
    return find_spec("prometheus_client") is not None


def text() -> tuple[bytes, str]:
    """Return the page and its content type, at most a few seconds old."""
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    kept: bytes | None = cache.get(KEY)
    if kept is None:
        kept = _written()
        cache.set(KEY, kept, timeout=KEPT)
    return kept, CONTENT_TYPE_LATEST


def _written() -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector

    class Figures(Collector):
        """Reads the database when asked, and keeps nothing: every process would say the same."""

        def collect(self) -> Iterator[GaugeMetricFamily]:
            """Yield each figure as a gauge."""
            for figure in figures():
                family = GaugeMetricFamily(PREFIX + figure.name, figure.meaning, labels=figure.labels)
                for labels, value in figure.values.items():
                    family.add_metric(labels, value)
                yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures())
    return generate_latest(registry)
