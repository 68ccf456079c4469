"""Deliver everything due, one destination after another, so that none holds back another."""

from __future__ import annotations

import logging
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import zip_longest

from django.db.models import F, Min, Q
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.config.addresses import is_segment
from percipio_openedx.delivery import breaker
from percipio_openedx.delivery.claim import correct_times, next_recovery, recover
from percipio_openedx.delivery.client import longest_call
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.delivery.session import DeliverySession
from percipio_openedx.delivery.settle import requeue_skipped
from percipio_openedx.enums import Api, Outcome, Pause
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import State, Statement

logger = logging.getLogger(__name__)

# Seconds of a delivery session while other destinations wait.
TURN = 10.0
# Number of due destinations that each run shuffles.
ALIKE = 8


@dataclass(frozen=True, slots=True)
class Delivered:
    """Result of a run: rows delivered, parked and retried later, and when more will be due."""

    sent: int = 0
    parked: int = 0
    later: int = 0
    next_due: datetime | None = None


def deliver_due(now: datetime | None = None, budget_seconds: float | None = None) -> Delivered:
    """Send what is due. Never sleep or raise for a destination; several workers may call it at once.

    Arguments:
        now: the start of the run's clock, for tests and repairs; by default the current time.
        budget_seconds: start no new requests after that; None to continue until nothing is due.
    """
    return _Run(_clock(now), budget_seconds).run()


class _Run:
    def __init__(self, now: Callable[[], datetime], budget: float | None) -> None:
        self._now = now
        self._until = None if budget is None else now() + timedelta(seconds=budget)
        self._counts: Counter[str] = Counter()
        self._for_site = cache(config.for_site)

    def run(self) -> Delivered:
        correct_times(self._now())
        recover(self._now())
        while self._may_go_on():
            self._queue_skipped()
            destinations = _ready(self._now())
            before = self._counts.copy()
            for destination in destinations:
                if self._may_go_on():
                    self._serve(destination, alone=len(destinations) == 1)
            if self._counts == before:
                break
        times = [at for at in (_first_due(self._now()), next_recovery()) if at is not None]
        return Delivered(**self._counts, next_due=min(times, default=None))

    def _queue_skipped(self) -> None:
        """Queue skipped statements where the site now reports statements."""
        for destination in Destination.objects.filter(pk__in=_firsts(State.SKIPPED)):
            try:
                configuration = self._sender(destination)
            except (PercipioConfigurationError, PlatformUnavailable):
                continue
            if configuration is not None and configuration.send_skipped and configuration.api is Api.STATEMENTS:
                requeue_skipped(destination, self._now())

    def _may_go_on(self) -> bool:
        return self._until is None or self._now() < self._until

    def _serve(self, destination: Destination, *, alone: bool) -> None:
        """Serve one destination; an error here must not affect the others."""
        try:
            configuration = self._configuration(destination)
            if configuration and breaker.may_send(destination, self._now(), longest_call(configuration)):
                self._work(destination, configuration, alone=alone)
        except PercipioConfigurationError as error:
            # Found only on connecting: the host's address is not allowed.
            breaker.leave(destination)
            breaker.hold(destination, Pause.PRIVATE_ADDRESS, str(error), self._now())
        except Exception as error:  # noqa: BLE001 - the delivery boundary
            self._report(destination, error)

    def _work(self, destination: Destination, configuration: config.Configuration, *, alone: bool) -> None:
        until = self._until
        if not alone:
            end = self._now() + timedelta(seconds=TURN)
            until = end if until is None else min(end, until)
        session = DeliverySession(destination, configuration, self._now, until)
        try:
            session.run()
        finally:
            self._counts += session.counts

    def _sender(self, destination: Destination) -> config.Configuration | None:
        site = self._for_site(destination.site_id)
        return None if site is None else site.sender(destination.account)

    def _configuration(self, destination: Destination) -> config.Configuration | None:
        """Return the configuration to send with; without one the destination waits and records why."""
        found, problem = None, Pause.CONFIGURATION
        try:
            found, message = self._sender(destination), ""
        except PercipioConfigurationError as error:
            message = str(error)
        else:
            if found is None:
                problem, message = self._why_not(destination)
            elif destination.own_credentials and not found.own_credentials:
                problem = Pause.OWN_CREDENTIALS
                message = "the credentials of the site's own, with which this was made, are there no more"
            elif destination.organization and not is_segment(destination.organization):
                message = f"{destination.organization!r} cannot stand in an address"
        if found is None or message:
            breaker.hold(destination, problem, message, self._now())
            return None
        if found.own_credentials and not destination.own_credentials:
            # They are the site's statements, whatever it had before.
            Destination.of(destination.site_id, destination.organization, own_credentials=True)
            destination.refresh_from_db()
        breaker.resume(destination)
        return found

    def _why_not(self, destination: Destination) -> tuple[Pause, str]:
        """Return why there is no configuration to send with, for a destination of a site or of one of its accounts."""
        site = self._for_site(destination.site_id)
        if site is None:
            return Pause.NOT_CONFIGURED, "no configuration is in force for this site, or it is switched off"
        if destination.account in {one.name for one in site.accounts}:
            return Pause.ACCOUNT_OFF, "the account is switched off"
        if destination.account:
            return Pause.NO_ACCOUNT, "the site has no account of this name any more"
        return Pause.NO_ACCOUNT, "the site has accounts now; this was made for none of them"

    def _report(self, destination: Destination, error: Exception) -> None:
        """Log where it broke, never the message, which may quote anything, and retry later."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        name = type(error).__name__
        logger.error(
            "delivery broke destination=%s error=%s at=%s:%s", destination.pk, name, frame.filename, frame.lineno
        )
        try:
            destination.refresh_from_db()
            answer = Answer(Outcome.LATER, None, f"an error inside this LMS ({name}); see its log")
            breaker.failed(destination, answer, self._now())
        except Exception as again:  # noqa: BLE001 - as above, and the database itself fails
            logger.error("destination cannot be stored destination=%s error=%s", destination.pk, type(again).__name__)


def _ready(now: datetime) -> list[Destination]:
    """Return the due destinations that may be served, alternating healthy ones with those to probe.

    Least recently served first, the first few shuffled: otherwise parallel runs compete for the same one. Probes may
    last as long as their time-outs, hence the turns.
    """
    may = Q(retry_at__isnull=True) | Q(retry_at__lte=now)
    due = [pk for pk, first_at in _firsts(State.WAITING).items() if first_at <= now]
    found = Destination.objects.filter(may, pk__in=due)
    well = list(found.filter(failures=0).order_by(F("last_success_at").asc(nulls_first=True), "pk"))
    failing = found.filter(failures__gt=0).order_by("retry_at", "pk")
    parts = [well[start : start + ALIKE] for start in range(0, len(well), ALIKE)]
    mixed = [destination for part in parts for destination in random.sample(part, len(part))]
    pairs = zip_longest(mixed, failing)
    return [destination for pair in pairs for destination in pair if destination is not None]


def _first_due(now: datetime) -> datetime | None:
    """Return when the first head of line of any destination is due, not before its retry time."""
    times = []
    for destination in Destination.objects.filter(pk__in=_firsts(State.WAITING)):
        # One query per destination ends at its first row; as a single subquery MariaDB reads every statement.
        heads = Statement.objects.filter(destination_id=destination.pk, state=State.WAITING).heads_of_line()
        at = heads.order_by("due_at", "id").values_list("due_at", flat=True).first()
        if at is None:
            continue
        probed_until = destination.probe_until if destination.failures else None
        times.append(max(at, now, destination.retry_at or now, probed_until or now))
    return min(times, default=None)


def _firsts(state: State) -> dict[int, datetime]:
    """Return, per destination, when its first statement in this state is due.

    Two index entries each on MariaDB and MySQL. Restricted to these destinations, MariaDB may read the whole queue.
    """
    found = Statement.objects.filter(state=state).order_by()
    return dict(found.values_list("destination_id").annotate(Min("due_at")))


def _clock(now: datetime | None) -> Callable[[], datetime]:
    if now is None:
        return timezone.now
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)
