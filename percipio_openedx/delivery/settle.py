"""What answers mean is written to the rows: a few statements for many rows, in one short transaction."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from percipio_openedx.codes import Api, Outcome
from percipio_openedx.delivery.claim import Row
from percipio_openedx.delivery.entries import Verdict
from percipio_openedx.delivery.judgement import Judgement
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.delivery.retry import next_time
from percipio_openedx.insertion import insert
from percipio_openedx.keys import among
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import Held, Statement, StatementQuerySet
from percipio_openedx.transactions import persistently, write_alias

# The fields in which the attempts of one settling differ.
_ATTEMPT = ("started_at", "statements", "accepted", "status", "outcome", "duration_ms", "answer")


@dataclass(frozen=True, slots=True)
class Landed:
    """One request that came back (or did not): what it held, what was answered, what that means."""

    rows: tuple[Row, ...]
    started_at: datetime
    answer: Answer
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows settled by one call."""

    sent: int = 0
    parked: int = 0
    later: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(self.sent + other.sent, self.parked + other.parked, self.later + other.later)


@persistently
def settle(
    destination: Destination,
    api: Api,
    lease: UUID,
    landed: Sequence[Landed],
    now: datetime,
    *,
    proven: bool,
) -> Counts:
    """Settle what came back; rows that are to be sent again in parts stay claimed.

    Arguments:
        lease: rows that it holds no longer are somebody else's, and left alone.
        now: the time of settling.
        proven: whether the destination has taken something in this turn.
    """
    counts = Counts()
    with transaction.atomic(using=write_alias()):
        for verdict, pks in _grouped(landed).items():
            counts = counts.plus(_apply(verdict, Held(pks, lease), now))
        for one in landed:
            counts = counts.plus(_apply_later(one, lease, now))
            if one.judgement.trouble is not None:
                counts = counts.plus(_apply_trouble(one, lease, now, proven=proven))
        shared = {"destination": destination.pk, "api": api.value}
        insert(DeliveryAttempt, _ATTEMPT, [attempt for one in landed for attempt in _attempts(one)], shared)
    return counts


@persistently
def put_back(rows: Iterable[Row], lease: UUID) -> int:
    """Give back rows that were claimed and not sent."""
    pks = [row.pk for row in rows]
    return _held(pks, lease).put_back() if pks else 0


@persistently
def keep(rows: Iterable[Row], lease: UUID, now: datetime) -> int:
    """Settle rows for which the Track API has no form."""
    pks = [row.pk for row in rows]
    return Held(pks, lease).keep(now)


def _held(pks: Sequence[int], lease: UUID) -> StatementQuerySet:
    return Statement.objects.filter(among("pk", pks)).held_by(lease)


def _grouped(landed: Sequence[Landed]) -> dict[Verdict, list[int]]:
    """The rows of each final verdict: a whole batch that was accepted is one UPDATE."""
    groups: dict[Verdict, list[int]] = defaultdict(list)
    for one in landed:
        same, pks = None, []
        for index, verdict in one.judgement.verdicts.items():
            if verdict.outcome is Outcome.LATER:
                continue
            if verdict is not same:
                # Looked up once for all that were accepted together: to compare verdicts takes longer than the rest.
                same, pks = verdict, groups[verdict]
            pks.append(one.rows[index].pk)
    return groups


def _apply(verdict: Verdict, rows: Held, now: datetime) -> Counts:
    if verdict.outcome is Outcome.ACCEPTED:
        return Counts(sent=rows.accept(now, verdict.status, verdict.words))
    return Counts(parked=rows.park(now, verdict.status, verdict.words or "refused without a word"))


def _apply_later(one: Landed, lease: UUID, now: datetime) -> Counts:
    """Rows that Percipio put off by name wait by themselves, each by its own count of tries."""
    later = 0
    for index, verdict in one.judgement.verdicts.items():
        if verdict.outcome is Outcome.LATER:
            later += _wait(one.rows[index], lease, now, verdict.status, verdict.words)
    return Counts(later=later)


def _apply_trouble(one: Landed, lease: UUID, now: datetime, *, proven: bool) -> Counts:
    """The destination's trouble is not the rows': it waits, and they stay due, but behind those that were not tried.

    So the next probe is made with another row; and one that fails alone where others were taken waits by its own
    count: a statement that breaks the server must not hold back its neighbours.
    """
    if one.judgement.trouble in (Outcome.UNAUTHORISED, Outcome.BUSY):
        untouched = _held([row.pk for row in one.rows], lease).put_back()
        return Counts(later=untouched if one.judgement.trouble is Outcome.UNAUTHORISED else 0)
    status, words = one.answer.status, one.answer.words
    if proven and len(one.rows) == 1:
        return Counts(later=_wait(one.rows[0], lease, now, status, words))
    return Counts(later=_held([row.pk for row in one.rows], lease).release(now, status, words))


def _wait(row: Row, lease: UUID, now: datetime, status: int | None, words: str) -> int:
    due_at = next_time(now, row.attempts, Outcome.LATER, None, random.uniform)
    return _held([row.pk], lease).release(due_at, status, words)


def _attempts(one: Landed) -> list[tuple[Any, ...]]:
    """What ``_ATTEMPT`` names of each HTTP request; with a refused token the same rows were sent twice."""
    if one.answer.outcome is Outcome.BUSY:
        return []
    accepted = sum(verdict.outcome is Outcome.ACCEPTED for verdict in one.judgement.verdicts.values())
    return [
        (
            one.started_at,
            len(one.rows),
            accepted if answer is one.answer else 0,
            answer.status,
            answer.outcome.value,
            round(answer.duration * 1000),
            answer.words,
        )
        for answer in (*one.answer.earlier, one.answer)
    ]
