"""Prometheus metrics for ``/percipio/metrics`` and ``percipio_metrics``.

Built from ``status`` and ``problems``: backlog, destinations, problems, recent requests. Ids only, no names. The text
form needs ``prometheus_client`` (the ``metrics`` extra).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec

from django.db.models import Count, Max, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from percipio_openedx import config
from percipio_openedx.models.catalog import EntryState
from percipio_openedx.models.destination import DeliveryAttempt
from percipio_openedx.models.learner_course import ObservationFailure
from percipio_openedx.operations import problems, status
from percipio_openedx.operations.status import Snapshot

PREFIX = "percipio_"
# The window of the request metrics: longer than the interval between scrapes.
LATELY = timedelta(minutes=5)

Values = dict[tuple[str, ...], float]
Labels = dict[int, tuple[str, str, str]]


@dataclass(slots=True)
class Gauge:
    """One metric: name, meaning, labels, and values by label values."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    values: Values = field(default_factory=dict)

    def add(self, label: tuple[str, ...], value: float) -> None:
        self.values[label] = self.values.get(label, 0) + value

    def raise_to(self, label: tuple[str, ...], value: float) -> None:
        self.values[label] = max(self.values.get(label, 0), value)


def gauges() -> Iterator[Gauge]:
    """Yield all metrics; the number of queries does not grow with statements or destinations."""
    snapshot = status.take(timezone.now())
    rows = [found.row for found in snapshot.destinations]
    labels = {row.pk: (str(row.site_id), row.account, row.organization) for row in rows}
    yield from _destinations(snapshot, labels)
    yield from _requests(snapshot.at, labels)
    yield from _observing(snapshot)
    compared = Gauge("compared_until_timestamp_seconds", "Up to when everything was compared with the LMS", ("site",))
    for site in snapshot.sites.values():
        if site.sweep is not None:
            until = site.sweep.compared_until
            compared.values[(str(site.site_id),)] = until.timestamp() if until else 0
    yield compared
    alerts: Values = {(row.kind, row.subject): 1.0 for row in snapshot.alerts}
    yield Gauge("alerts", "1 for each problem that operators were alerted of", ("kind", "subject"), alerts)
    found: Values = {(one.code.value, one.severity.value, one.subject): 1.0 for one in problems.find(snapshot)}
    yield Gauge("problems", "1 for each problem, whether alerted or not", ("kind", "severity", "subject"), found)
    yield Gauge(
        "erasures_open", "Erasure requests that have to be sent to Skillsoft", values={(): snapshot.open_erasures}
    )


def _destinations(snapshot: Snapshot, labels: Labels) -> Iterator[Gauge]:
    names = ("site", "account", "organization")
    counts = Gauge("statements", "Statements that are not settled, by state", (*names, "state"))
    oldest = Gauge("oldest_statement_seconds", "Age of the oldest open statement", names)
    paused = Gauge("destination_paused", "1 where a person has to fix something", names)
    failing = Gauge("destination_failures", "Failed requests in a row", names)
    unknown = Gauge("unknown_learners", "Learners whom Percipio does not know", names)
    items = Gauge("catalog_items", "Items of the catalog, by state", (*names, "state"))
    success = Gauge("destination_last_success_timestamp_seconds", "When a statement was last taken", names)
    # An organization has several destinations: its catalog's, and those of the site's own credentials and of the
    # settings'.
    for found in snapshot.destinations:
        row, label = found.row, labels[found.row.pk]
        for state in status.UNSETTLED:
            counts.add((*label, state), found.counts.get(state, 0))
        for kind in EntryState if row.is_catalog else ():
            items.add((*label, kind), found.items.get(kind, 0))
        unknown.add(label, found.unknown_learners)
        oldest.raise_to(label, (snapshot.at - found.waiting_since).total_seconds() if found.waiting_since else 0)
        paused.raise_to(label, int(bool(row.paused_reason)))
        failing.raise_to(label, row.failures)
        arrived_at = row.last_success_at if not row.is_catalog else None
        success.raise_to(label, arrived_at.timestamp() if arrived_at else 0)
    yield from (counts, oldest, paused, failing, success, unknown, items)


def _requests(now: datetime, labels: Labels) -> Iterator[Gauge]:
    names = ("site", "account", "organization", "outcome")
    answered = Gauge("requests_5m", "Requests of the last five minutes, by outcome", names)
    accepted = Gauge("accepted_5m", "Statements that were taken in the last five minutes", names)
    longest = Gauge("request_longest_seconds_5m", "The longest request of the last five minutes", names)
    lately = DeliveryAttempt.objects.filter(started_at__gte=now - LATELY).order_by()
    grouped = lately.values_list("destination_id", "outcome")
    taken = Sum("accepted", filter=Q(destination__is_catalog=False), default=0)
    figures = grouped.annotate(requests=Count("pk"), taken=taken, longest=Max("duration_ms"))
    for pk, outcome, count, statements, milliseconds in figures:
        label = (*labels[pk], outcome)
        answered.add(label, count)
        accepted.add(label, statements)
        longest.raise_to(label, milliseconds / 1000)
    yield from (answered, accepted, longest)


def _observing(snapshot: Snapshot) -> Iterator[Gauge]:
    age = (snapshot.at - snapshot.oldest_notice).total_seconds() if snapshot.oldest_notice else 0
    yield Gauge("oldest_notice_seconds", "Age of the oldest notice that waits to be observed", values={(): age})
    failing = Gauge("observation_failures", "Course runs and learners that cannot be observed", ("of", "part"))
    courses, learners = ObservationFailure.objects.of_courses(), ObservationFailure.objects.of_learners()
    for of, failures in (("course", courses), ("learner", learners)):
        for part, count in failures.order_by().values_list("part").annotate(Count("pk")):
            failing.values[of, part] = count
    yield failing
    held = Gauge("held_learners", "Learners in courses held back at the last observation", ("site", "reason"))
    for site_id, reason, count in status.held(snapshot.sites):
        held.values[str(site_id), reason] = count
    yield held


def is_available() -> bool:
    return find_spec("prometheus_client") is not None


def text() -> bytes:
    """Return the metrics in Prometheus's text form."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector

    class Gauges(Collector):
        """Reads the database on each scrape and stores nothing: every process reports the same."""

        def collect(self) -> Iterator[GaugeMetricFamily]:
            """Yield each metric as a gauge."""
            for gauge in gauges():
                family = GaugeMetricFamily(PREFIX + gauge.name, gauge.meaning, labels=gauge.labels)
                for labels, value in gauge.values.items():
                    family.add_metric(labels, value)
                yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Gauges())
    return generate_latest(registry)


@never_cache
@require_safe
def view(request: HttpRequest) -> HttpResponse:
    """Serve the metrics to bearers of the token; ignore cookies. 404 without a token set or without the extra."""
    token = config.metrics_token()
    if not token or not is_available():
        raise Http404
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(given.strip(), token.reveal()):
        return HttpResponse("a bearer token is needed\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(text(), content_type=CONTENT_TYPE_LATEST)
