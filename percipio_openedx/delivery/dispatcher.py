"""Everything that is due leaves: all destinations in turn, none able to hold back another."""

from __future__ import annotations

import logging
import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from django.db.models import F, Min, Q
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.config.addresses import is_segment
from percipio_openedx.delivery import breaker, misdated
from percipio_openedx.delivery.claim import next_recovery, recover
from percipio_openedx.delivery.client import longest_call
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.delivery.session import Allowance, DeliverySession
from percipio_openedx.delivery.settle import Counts, requeue_skipped
from percipio_openedx.enums import Api, Outcome, Pause
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import State, Statement

logger = logging.getLogger(__name__)

# Seconds that one destination may work while others wait for their turn.
TURN = 10.0
# So many of the destinations whose turn it is are taken in an order of the run's own.
ALIKE = 8


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a call did: rows delivered, parked, and put off; and when there will be something to do again."""

    sent: int = 0
    parked: int = 0
    later: int = 0
    next_due: datetime | None = None


def deliver_due(
    now: datetime | None = None, budget_seconds: float | None = None, limit: int | None = None
) -> Delivered:
    """Send what is due. Never sleeps and, for a destination's sake, never raises; several workers may call it at once.

    Arguments:
        now: the present, for tests and repairs; it goes on from there. The clock's time by default.
        budget_seconds: stop beginning new requests after that long; None for as long as something is due.
        limit: claim at most that many statements.
    """
    return _Run(_clock(now), budget_seconds, limit).run()


class _Run:
    """One call of ``deliver_due``."""

    def __init__(self, now: Callable[[], datetime], budget: float | None, limit: int | None) -> None:
        self._now = now
        self._until = None if budget is None else now() + timedelta(seconds=budget)
        self._left = limit
        self._counts = Counts()
        self._configurations: dict[int, config.Configuration | PercipioConfigurationError | None] = {}

    def run(self) -> Delivered:
        misdated.correct(self._now())
        recover(self._now())
        while self._may_go_on():
            self._queue_skipped()
            destinations = _ready(self._now())
            before = self._counts
            for destination in destinations:
                if self._may_go_on():
                    self._serve(destination, alone=len(destinations) == 1)
            if self._counts == before:
                break
        counts = self._counts
        return Delivered(counts.sent, counts.parked, counts.later, self._next_due())

    def _queue_skipped(self) -> None:
        """What the Track API had no form for waits again where the site, which reports statements now, says so."""
        for destination in Destination.objects.filter(pk__in=_firsts(State.SKIPPED)):
            try:
                configuration = self._configured(destination.site_id)
            except PercipioConfigurationError:
                continue
            if configuration is not None and configuration.send_skipped and configuration.api is Api.STATEMENTS:
                requeue_skipped(destination, self._now())

    def _may_go_on(self) -> bool:
        in_time = self._until is None or self._now() < self._until
        return in_time and (self._left is None or self._left > 0)

    def _serve(self, destination: Destination, *, alone: bool) -> None:
        """The boundary: whatever happens at one destination, its rows are given back and the others have their turn."""
        try:
            configuration = self._configuration(destination)
            if configuration is None:
                return
            if breaker.may_send(destination, self._now(), longest_call(configuration)):
                self._work(DeliverySession(destination, configuration, self._allowance(alone)))
        except PercipioConfigurationError as error:
            # Seen only when a connection was made: the host stands at an address that may not be reached.
            breaker.leave(destination)
            breaker.hold(destination, Pause.PRIVATE_ADDRESS, str(error), self._now())
        except Exception as error:  # noqa: BLE001 - the delivery boundary
            self._report(destination, error)

    def _work(self, session: DeliverySession) -> None:
        try:
            session.run()
        finally:
            self._counts = self._counts.plus(session.counts)
            if self._left is not None:
                self._left -= session.claimed

    def _allowance(self, alone: bool) -> Allowance:
        until = self._until
        if not alone:
            end = self._now() + timedelta(seconds=TURN)
            until = end if until is None else min(end, until)
        return Allowance(self._now, until, self._left)

    def _configured(self, site_id: int) -> config.Configuration | None:
        """A site's configuration, looked up once a run.

        Raises:
            PercipioConfigurationError: there is a mistake in it.
        """
        if site_id not in self._configurations:
            try:
                self._configurations[site_id] = config.for_site(site_id)
            except PercipioConfigurationError as error:
                self._configurations[site_id] = error
        found = self._configurations[site_id]
        if isinstance(found, PercipioConfigurationError):
            raise found
        return found

    def _configuration(self, destination: Destination) -> config.Configuration | None:
        """The configuration to send with; without one the destination waits and says why."""
        try:
            found = self._configured(destination.site_id)
        except PercipioConfigurationError as error:
            breaker.hold(destination, Pause.CONFIGURATION, str(error), self._now())
            return None
        if found is None:
            words = "no configuration is in force for this site, or it is switched off"
            breaker.hold(destination, Pause.NOT_CONFIGURED, words, self._now())
            return None
        if destination.own_credentials and not found.own_credentials:
            words = "the credentials of the site's own, with which this was made, are there no more"
            breaker.hold(destination, Pause.OWN_CREDENTIALS, words, self._now())
            return None
        if destination.organization and not is_segment(destination.organization):
            words = f"{destination.organization!r} cannot stand in an address"
            breaker.hold(destination, Pause.CONFIGURATION, words, self._now())
            return None
        if found.own_credentials and not destination.own_credentials:
            # They are the site's statements, whatever it had before.
            Destination.of(destination.site_id, destination.organization, own_credentials=True)
            destination.refresh_from_db()
        breaker.resume(destination)
        return found

    def _report(self, destination: Destination, error: Exception) -> None:
        """Say where it broke (never the message: nobody knows what an unforeseen error quotes), and try again later."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        name = type(error).__name__
        logger.error(
            "delivery broke destination=%s error=%s at=%s:%s", destination.pk, name, frame.filename, frame.lineno
        )
        try:
            destination.refresh_from_db()
            answer = Answer(Outcome.LATER, None, f"an error inside this LMS ({name}); see its log")
            breaker.failed(destination, answer, self._now())
        except Exception as again:  # noqa: BLE001 - as above, with the database itself in trouble
            logger.error("destination cannot be stored destination=%s error=%s", destination.pk, type(again).__name__)

    def _next_due(self) -> datetime | None:
        now = self._now()
        times = [at for at in (_first_due(now), next_recovery()) if at is not None]
        return min(times, default=None)


def _ready(now: datetime) -> list[Destination]:
    """Destinations with something due that need not wait, each time one that is well and one that is to be probed.

    Those that were served longest ago come first, a few of them in any order: runs beside each other would all claim
    from the same one, and mostly in vain. A probe may last as long as its time-outs, so the well ones neither wait for
    all of the probes nor make the others wait for ever.
    """
    may = Q(retry_at__isnull=True) | Q(retry_at__lte=now)
    due = [pk for pk, first_at in _firsts(State.WAITING).items() if first_at <= now]
    found = Destination.objects.filter(may, pk__in=due)
    well = found.filter(failures=0).order_by(F("last_success_at").asc(nulls_first=True), "pk")
    failing = found.filter(failures__gt=0).order_by("retry_at", "pk")
    pairs = zip_longest(_mixed(list(well)), failing)
    return [destination for pair in pairs for destination in pair if destination is not None]


def _mixed(well: Sequence[Destination]) -> list[Destination]:
    """The order kept by and large: each ``ALIKE`` of them shuffled among themselves."""
    parts = [well[start : start + ALIKE] for start in range(0, len(well), ALIKE)]
    return [destination for part in parts for destination in random.sample(part, len(part))]


def _first_due(now: datetime) -> datetime | None:
    """When the first destination has something to do: its first head of line, but not before it may be tried."""
    times = []
    for destination in Destination.objects.filter(pk__in=_firsts(State.WAITING)):
        # A query for each, which ends at its first row. As a subquery of one for all, MariaDB reads every statement.
        heads = Statement.objects.filter(destination_id=destination.pk, state=State.WAITING).heads_of_line()
        at = heads.order_by("due_at", "id").values_list("due_at", flat=True).first()
        if at is None:
            continue
        if destination.retry_at is not None:
            at = max(at, destination.retry_at)
        if destination.failures and destination.probe_until is not None:
            at = max(at, destination.probe_until)
        times.append(max(at, now))
    return min(times, default=None)


def _firsts(state: State) -> dict[int, datetime]:
    """Of each destination with statements in this state, when the first of them comes due.

    MariaDB and MySQL read two entries of the queue's index for each destination. As a condition on the destinations,
    MariaDB reads everything that waits where that is a small part of the table.
    """
    found = Statement.objects.filter(state=state).order_by()
    return dict(found.values_list("destination_id").annotate(Min("due_at")))


def _clock(now: datetime | None) -> Callable[[], datetime]:
    if now is None:
        return timezone.now
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)
