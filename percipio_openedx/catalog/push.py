"""Keep Percipio's catalog in step with the LMS: compare now and then, and send what is due, place by place."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Min, Q
from django.utils import timezone

from percipio_openedx.bulkheads import Boundary, bulkhead, is_outage
from percipio_openedx.catalog.compare import OfferedItem, catalog, compare, difference, offered_items
from percipio_openedx.catalog.send import CatalogSession
from percipio_openedx.config import CatalogRules, Configuration
from percipio_openedx.delivery import breaker
from percipio_openedx.delivery.client import longest_call
from percipio_openedx.enums import Offering, Pause
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.catalog import CatalogEntry, EntryState
from percipio_openedx.models.destination import Destination

logger = logging.getLogger(__name__)

AFTER_AN_ERROR = timedelta(seconds=60)


@dataclass(slots=True)
class Pushed:
    """The result of a pass: items by what became of them, when the next is due, and why a place broke (class only)."""

    counts: Counter[str] = field(default_factory=Counter)
    next_at: datetime | None = None
    broken: str = ""

    def at(self, *times: datetime | None) -> None:
        """Note when something is due."""
        self.next_at = min((at for at in (self.next_at, *times) if at is not None), default=None)


def is_pushed(site: Configuration) -> bool:
    """Return whether a site's catalog is sent to Percipio."""
    return site.catalog.push and site.catalog.offering is not Offering.NONE


def without_organization(site: Configuration) -> list[Configuration]:
    """Return those of a site's senders that cannot send its catalog: the content import needs an organization id."""
    return [one for one in site.senders if not one.organization] if is_pushed(site) else []


def senders(site: Configuration) -> list[Configuration]:
    """Return what a site's catalog is sent with: each of its senders with an organization id."""
    return [one for one in site.senders if one.organization] if is_pushed(site) else []


def destination_of(sender: Configuration) -> Destination:
    """Return the destination of the catalog of one place, made at need."""
    return Destination.of(
        sender.site_id,
        sender.organization,
        own_credentials=sender.own_credentials,
        account=sender.account,
        is_catalog=True,
    )


class SiteCatalog:
    """What a site offers now, read once for all its accounts, and only if it is asked for."""

    def __init__(self, site: Configuration) -> None:
        self._rules = CatalogRules(site.site_id, site.content_id, site.catalog, site.lms_root)

    @cached_property
    def items(self) -> dict[str, OfferedItem]:
        """Return the items by content id; raises ``PlatformUnavailable``."""
        return offered_items(catalog(self._rules, timezone.now()))


def differences(site: Configuration) -> list[tuple[Configuration, list[CatalogEntry]]]:
    """Return what Percipio does not hold as it is offered now, by the places of a site; stores nothing.

    The rows are as a comparison would make them: waiting, held back, refused, or withdrawn.
    """
    offered, found = SiteCatalog(site), []
    for sender in senders(site):
        place = {"site_id": sender.site_id, "account": sender.account, "organization": sender.organization}
        # As ``Destination.of``, which lets a site's own credentials take over.
        known = Destination.objects.filter(is_catalog=True, **place).order_by("-own_credentials")
        known = known.filter(own_credentials__in={sender.own_credentials, False})
        destination = known.first() or Destination(is_catalog=True, **place)
        rows = list(CatalogEntry.objects.filter(destination_id=destination.pk))
        new = difference(destination, rows, offered.items, timezone.now())
        left = [row for row in (*rows, *new.new) if row not in new.dropped and row.state != EntryState.DELIVERED]
        found.append((sender, sorted(left, key=lambda row: row.content_id)))
    return found


def push_due(sites: Iterable[Configuration], seconds: float | None = None) -> Pushed:
    """Compare and send what is due, at most for about ``seconds``; the bulkhead around each place."""
    done, deadline = Pushed(), None if seconds is None else time.monotonic() + seconds
    catalogs = [(SiteCatalog(site), senders(site)) for site in sites]
    places = [(offered, sender) for offered, those in catalogs for sender in those]
    served = []
    # In random order, so that none waits for a larger one.
    for offered, sender in random.sample(places, len(places)):
        with bulkhead(Boundary.STEP) as contained:
            served.append(push(sender, offered, done, lambda: deadline is not None and time.monotonic() > deadline))
        if contained.error is not None:
            logger.error("catalog waits site=%s account=%s error=%s", *sender.place, contained.reason)
            done.at(timezone.now() + AFTER_AN_ERROR)
            if not is_outage(contained.error):
                done.broken = contained.reason
    if len(served) == len(places):
        _forget_pauses(served)
    return done


def push(
    sender: Configuration,
    offered: SiteCatalog,
    done: Pushed,
    is_over: Callable[[], bool] = bool,
    on_sent: Callable[[], object] = bool,
    *,
    at_once: bool = False,
) -> int:
    """Compare one place if it is time, and send what is due; return its destination's key.

    ``at_once``: compare, and try what waits, whatever its time, since an operator asks for it.
    """
    destination, now = destination_of(sender), timezone.now()
    if at_once:
        breaker.try_now(destination, now)
        destination.refresh_from_db()
        CatalogEntry.objects.filter(destination=destination).free(now).filter(state=EntryState.WAITING).update(
            due_at=now
        )
    interval = timedelta(seconds=sender.catalog.interval)
    last, retry_at = destination.compared_at, destination.retry_at
    due = CatalogEntry.objects.filter(destination=destination).due(now)
    is_due = (retry_at is None or retry_at <= now) and due.exists()
    # What is sent is what is true now, however seldom it is compared.
    if is_due or at_once or last is None or not now - interval < last <= now:
        compare(destination, offered.items, now)
    try:
        if due.exists() and breaker.may_send(destination, now, longest_call(sender)):
            session = CatalogSession(destination, sender, offered.items, is_over, on_sent)
            try:
                session.run()
            finally:
                done.counts += session.counts
                if session.counts["forward"]:
                    # To be delivered by the next pass.
                    done.at(timezone.now())
    except PercipioConfigurationError as error:
        # Found only on connecting: the host's address is not allowed.
        breaker.leave(destination)
        breaker.hold(destination, Pause.PRIVATE_ADDRESS, str(error), timezone.now())
    done.at((destination.compared_at or now) + interval, _next_due(destination))
    return destination.pk


def _next_due(destination: Destination) -> datetime | None:
    """Return when the first item is due, not before its lease ends or the destination is tried again."""
    rows = CatalogEntry.objects.filter(destination=destination, state=EntryState.WAITING)
    times = rows.aggregate(due=Min("due_at", filter=Q(lease=None)), free=Min("leased_until"))
    first: datetime | None = min((at for at in times.values() if at is not None), default=None)
    probe_until = destination.probe_until if destination.failures else None
    return first if first is None else max(first, destination.retry_at or first, probe_until or first)


def _forget_pauses(served: Iterable[int]) -> None:
    """End the pauses of places whose catalog is sent no more: nobody has to fix them."""
    idle = Destination.objects.filter(is_catalog=True).exclude(pk__in=list(served))
    # Read first: an UPDATE locks what it passes over, on MariaDB and MySQL.
    pks = list(idle.exclude(failures=0, paused_reason="").values_list("pk", flat=True))
    if pks:
        rows = Destination.objects.filter(pk__in=pks)
        rows.update(failures=0, lone_failures=0, paused_reason="", last_error="", retry_at=None, failing_since=None)
