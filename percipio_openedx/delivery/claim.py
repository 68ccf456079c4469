"""Claim the statements a worker may send, under a lease that keeps other workers away."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Min, Q, QuerySet

from percipio_openedx.db import persistently, write_alias
from percipio_openedx.delivery.attribution import Row
from percipio_openedx.delivery.items_first import ItemsFirst
from percipio_openedx.delivery.outcomes import LONGEST_WAIT
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import LONGEST_LEASE, State, Statement, StatementQuerySet

logger = logging.getLogger(__name__)

# Seconds beyond the longest request, for waiting and settling. After that the worker is presumed dead and its rows are
# claimed by others, so a killed worker delays a completion by two minutes.
LEASE = 60.0
# Reads per claim, since another worker may take the same candidates.
_READS = 3
# Queue rows searched at once for heads of line.
PAGE = 900
_COLUMNS = ("pk", "uuid", "attempts", "body", "track", "refusals", "refused_after", "actor_key")


@dataclass(slots=True)
class Claims:
    """The claims of one delivery session at a destination.

    ``is_drained`` says whether the last claim found less than it wanted, not counting rows another worker took. The
    lease outlives ``longest_request`` seconds; rows not built by the configuration fingerprint ``built_by`` are rebuilt
    first. ``items_first`` puts off what waits for the catalog.
    """

    destination_id: int
    lease: UUID
    longest_request: float
    built_by: str = ""
    items_first: ItemsFirst | None = None
    is_drained: bool = False

    def claim(self, now: datetime, most: int) -> tuple[Row, ...]:
        """Claim up to ``most`` due statements in due order.

        Claims heads of line only, at most one per learner and course: a later statement stays invisible until the
        earlier one is settled, so order is kept whoever sends.
        """
        for _ in range(_READS):
            due = self._due(now).order_by("due_at", "id")
            candidates = list(islice(chain.from_iterable(self._free_heads(due, now, most)), most))
            self.is_drained = len(candidates) < most
            rows = self._take(candidates, now)
            if rows or not candidates:
                return rows
        self.is_drained = True
        return ()

    def probe(self, now: datetime, *, newest: bool) -> tuple[Row, ...]:
        """Claim one statement to probe a failing destination, preferably one that never failed.

        Otherwise a random one, preferably one that did not fail alone before. ``newest`` searches from the end of the
        queue: refused statements often lie together, such as those of a course queued by a backfill.
        """
        pk, due = self._unsuspected(now, newest=newest), self._due(now).order_by("due_at", "id")
        for suspects in (due.filter(refusals__isnull=True), due):
            if pk is None and (free := next(self._free_heads(suspects, now), None)):
                pk = random.choice(free)  # noqa: S311 - a position, not a secret
        rows = self._take_one(pk, now)
        self.is_drained = not rows
        return rows

    def control(self, now: datetime) -> tuple[Row, ...]:
        """Claim the newest statement that never failed, as a control for those that did; empty without one."""
        return self._take_one(self._unsuspected(now, newest=True), now)

    def _due(self, now: datetime) -> StatementQuerySet:
        return Statement.objects.filter(destination_id=self.destination_id).due(now)

    def _unsuspected(self, now: datetime, *, newest: bool) -> int | None:
        due = self._due(now).filter(refused_after__isnull=True, refusals__isnull=True)
        pages = self._free_heads(due.order_by(*(("-due_at", "-id") if newest else ("due_at", "id"))), now)
        return next((free[0] for free in pages), None)

    def _take_one(self, pk: int | None, now: datetime) -> tuple[Row, ...]:
        return () if pk is None else self._take([pk], now)

    def _take(self, candidates: list[int], now: datetime) -> tuple[Row, ...]:
        """Claim the candidates still free, and set aside rows built by an outdated configuration."""
        if self.built_by:
            shaped_otherwise = Statement.objects.filter(pk__in=candidates).shaped_otherwise(self.built_by)
            if stale := set(shaped_otherwise.values_list("pk", flat=True)):
                _outdate(stale, now)
                candidates = [pk for pk in candidates if pk not in stale]
        until = now + timedelta(seconds=LEASE + self.longest_request)
        return _take(candidates, self.lease, until) if candidates else ()

    def _free_heads(self, due: StatementQuerySet, now: datetime, first: int = PAGE) -> Iterator[list[int]]:
        """Yield the heads of line among these in non-empty pages; the first searches ``first`` rows.

        Reads without locks, so it never holds up learners' inserts or other workers. It reads a page off the queue's
        index, then finds which of that page are held back: in one query MariaDB may read and sort the whole queue.
        What waits for the catalog is put off, so that the next page begins that much earlier.
        """
        pks = due.values_list("pk", flat=True)
        start, size = 0, first
        while page := list(pks[start : start + size]):
            heads = Statement.objects.filter(pk__in=page, state=State.WAITING).heads_of_line()
            found = list(heads.values_list("pk", "course_key", "stored_at"))
            late = self.items_first.put_off(found, now) if self.items_first else set()
            free = {pk for pk, *_ in found} - late
            if free:
                yield [pk for pk in page if pk in free]
            start, size = start + size - len(late), PAGE


@persistently
def _outdate(pks: Iterable[int], now: datetime) -> None:
    Statement.objects.filter(pk__in=pks).outdate(now)


@persistently
def _take(candidates: list[int], lease: UUID, until: datetime) -> tuple[Row, ...]:
    """Lease the candidates that still wait. Locks by primary key, for two SQL statements."""
    alias = write_alias()
    rows = Statement.objects.filter(pk__in=candidates)
    with transaction.atomic(using=alias):
        if not connections[alias].features.has_select_for_update_skip_locked:
            # SQLite has a single writer: the update's condition decides.
            rows.claim(lease, until)
            return _read(rows.held_by(lease), candidates, until, 0)
        locked = rows.filter(state=State.WAITING).order_by("pk").select_for_update(skip_locked=True)
        # Read before the claim is stored, which adds one attempt.
        mine = _read(locked, candidates, until, 1)
        if mine:
            Statement.objects.filter(pk__in=[row.pk for row in mine]).claim(lease, until)
        return mine


def _read(rows: StatementQuerySet, order: list[int], until: datetime, more: int) -> tuple[Row, ...]:
    found = {}
    for pk, uuid, attempts, body, track, refusals, refused_after, actor_key in rows.values_list(*_COLUMNS):
        # PostgreSQL's driver returns binary values as memoryviews.
        record = None if track is None else bytes(track)
        blame = {"refusals": refusals or {}, "refused_after": refused_after}
        found[pk] = Row(pk, uuid, attempts + more, bytes(body), record, until, actor_key=actor_key, **blame)
    return tuple(found[pk] for pk in order if pk in found)


# --- recovery from dead workers and wrong clocks ---------------------------------------------------------------------


@persistently
def recover(now: datetime, most: int = 1000) -> int:
    """Release rows held past their lease, or longer than any worker holds them: unknown at Percipio, so resent."""
    dead = list(Statement.objects.expired(now).order_by("leased_until").values_list("pk", flat=True)[:most])
    if not dead:
        return 0
    expired = Statement.objects.filter(pk__in=dead).expired(now)
    return expired.retry_later(now, None, "the worker did not return", was_sent=True)


def next_recovery() -> datetime | None:
    """Return when the first current lease ends."""
    first: datetime | None = Statement.objects.filter(state=State.SENDING).aggregate(at=Min("leased_until"))["at"]
    return first


def misdated_statements(now: datetime) -> StatementQuerySet:
    """Return the statements that wait longer than any backoff, because a clock was ahead."""
    # List all destinations explicitly so that the queue's index is used.
    ids = list(Destination.objects.values_list("pk", flat=True))
    waiting = (State.WAITING, State.OUTDATED)
    return Statement.objects.filter(state__in=waiting, destination_id__in=ids, due_at__gt=_latest(now))


def misdated_leases(now: datetime) -> StatementQuerySet:
    """Return the statements held longer than any worker holds them."""
    return Statement.objects.filter(state=State.SENDING, leased_until__gt=now + LONGEST_LEASE)


def misdated_destinations(now: datetime) -> QuerySet[Destination]:
    """Return the destinations that wait, or are probed, longer than any should."""
    return Destination.objects.filter(Q(retry_at__gt=_latest(now)) | Q(probe_until__gt=now + LONGEST_LEASE))


@persistently
def correct_times(now: datetime) -> int:
    """Make due now what a fast clock postponed too far; return the number of rows."""
    statements, destinations = misdated_statements(now), misdated_destinations(now)
    if not statements.exists() and not destinations.exists():
        return 0
    count = statements.bring_forward(now) + destinations.update(retry_at=now, probe_until=None)
    logger.warning("times in the future corrected rows=%s", count)
    return count


def _latest(now: datetime) -> datetime:
    return now + timedelta(seconds=LONGEST_WAIT)
