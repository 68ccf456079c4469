"""What answers mean is written to the rows: a few statements for many rows, in one short transaction."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import PositiveBigIntegerField, Value
from django.db.models.functions import Coalesce

from percipio_openedx.db import persistently, write_alias
from percipio_openedx.delivery.attribution import IN_A_ROW, Fate, Ruling, convicted
from percipio_openedx.delivery.claim import Row
from percipio_openedx.delivery.judgement import Judgement, may_be_stored
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.delivery.retry import next_time
from percipio_openedx.delivery.statuses import Verdict
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.statement import State, Statement, StatementQuerySet


@dataclass(frozen=True, slots=True)
class Response:
    """One request that came back (or did not): what it held, what was answered, what that means."""

    rows: tuple[Row, ...]
    started_at: datetime
    answer: Answer
    judgement: Judgement

    @property
    def accepted(self) -> int:
        """How many of the statements were accepted."""
        return sum(verdict.outcome is Outcome.ACCEPTED for verdict in self.judgement.verdicts.values())

    @property
    def in_doubt(self) -> list[int]:
        """The keys of the rows that Percipio may have stored, though it did not say so."""
        if self.answer.is_of_token or self.accepted == len(self.rows):
            return []
        found = []
        for index, row in enumerate(self.rows):
            said = self.judgement.verdicts.get(index, self.answer)
            is_accepted = said is not self.answer and said.outcome is Outcome.ACCEPTED
            if not is_accepted and may_be_stored(said.outcome, said.status):
                found.append(row.pk)
        return found

    @property
    def settled(self) -> tuple[Row, ...]:
        """The rows that ``settle`` lets go of: those that were accepted, or all if the answer was about none."""
        if self.judgement.trouble is not None:
            return self.rows
        verdicts = self.judgement.verdicts.items()
        return tuple(self.rows[index] for index, verdict in verdicts if verdict.outcome is Outcome.ACCEPTED)


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
    landed: Sequence[Response],
    rulings: Sequence[Ruling[Row]],
    now: datetime,
) -> Counts:
    """Settle what was accepted and what was decided; rows that are to be sent again, or not decided, stay claimed.

    Arguments:
        lease: rows that it holds no longer are somebody else's, and left alone.
        landed: what came back.
        rulings: what becomes of statements that failed alone, now or before.
        now: the time of settling.
    """
    counts = Counts()
    with transaction.atomic(using=write_alias()):
        if in_doubt := [pk for one in landed for pk in one.in_doubt]:
            _held(in_doubt, lease).doubt()
        for verdict, pks in _accepted(landed).items():
            counts = counts.plus(Counts(sent=_held(pks, lease).accept(now, verdict.status, verdict.words)))
        for ruling in rulings:
            counts = counts.plus(_apply(ruling, lease, now))
        for one in landed:
            if one.judgement.trouble is not None:
                counts = counts.plus(_apply_trouble(one, lease, now))
        DeliveryAttempt.objects.bulk_create(attempt for one in landed for attempt in _attempts(one, destination, api))
    return counts


@persistently
def put_back(rows: Iterable[Row], lease: UUID, on_their_way: Container[int] = ()) -> int:
    """Give back rows that are held and not settled.

    Arguments:
        on_their_way: keys of those that were sent, and of whose answer nothing is known.
    """
    pks = [row.pk for row in rows]
    sent = [pk for pk in pks if pk in on_their_way]
    unsent = [pk for pk in pks if pk not in on_their_way]
    count = _held(unsent, lease).put_back() if unsent else 0
    return count + (_held(sent, lease).put_back(was_sent=True) if sent else 0)


@persistently
def release(rows: Iterable[Row], lease: UUID, now: datetime, verdict: Verdict, since: int) -> int:
    """Give back rows that a request held which failed, since it is the destination's fault, or may be.

    They stay due. Where credentials are refused they are untouched; else they go behind those that were not tried, and
    keep what was said.

    Arguments:
        since: the destination's successes when a request that held them failed first.
    """
    pks = [row.pk for row in rows]
    if not pks:
        return 0
    if verdict.outcome is Outcome.UNAUTHORIZED:
        return _held(pks, lease).put_back(refused_after=_first(since))
    return _held(pks, lease).release(now, verdict.status, verdict.words, refused_after=_first(since))


@persistently
def reopen(destination: Destination, since: int, now: datetime) -> int:
    """Queue again what was parked with nothing to compare it with, since it turned out that everything is refused.

    Arguments:
        since: the destination's successes after which nothing was accepted.
    """
    return _unproven(destination, since).queue(now)


def refuses_all(destination: Destination, since: int, rows: Iterable[Row]) -> bool:
    """Whether several learners were refused since anything was accepted, with these who are not parked yet.

    Arguments:
        since: as for ``reopen``.
    """
    these = Statement.objects.filter(pk__in=[row.pk for row in rows])
    refused = _unproven(destination, since) | these
    lines = refused.order_by().values_list("learner_course_id", flat=True).distinct()
    return len(lines[:IN_A_ROW]) >= IN_A_ROW


def _unproven(destination: Destination, since: int) -> StatementQuerySet:
    """What was parked since then with nothing to compare it with, so that nothing could be counted."""
    parked = Statement.objects.filter(destination=destination, state=State.PARKED, refusals__isnull=True)
    return parked.filter(refused_after__gte=since)


@persistently
def keep(rows: Iterable[Row], lease: UUID, now: datetime) -> int:
    """Settle rows for which the Track API has no form."""
    pks = [row.pk for row in rows]
    return _held(pks, lease).keep(now)


def _first(since: int) -> Coalesce:
    """Since when it fails: what was accepted later tells whose fault that was."""
    return Coalesce("refused_after", Value(since, output_field=PositiveBigIntegerField()))


@persistently
def requeue_skipped(destination: Destination, now: datetime, most: int = 1000) -> int:
    """Queue what the Track API had no form for, the oldest first; what was taken back since stays."""
    skipped = Statement.objects.filter(destination=destination, state=State.SKIPPED, voided_by__isnull=True)
    pks = list(skipped.order_by("due_at", "id").values_list("pk", flat=True)[:most])
    return Statement.objects.filter(pk__in=pks, state=State.SKIPPED).queue(now) if pks else 0


def _held(pks: Sequence[int], lease: UUID) -> StatementQuerySet:
    return Statement.objects.filter(pk__in=pks).held_by(lease)


def _accepted(landed: Sequence[Response]) -> dict[Verdict, list[int]]:
    """The rows of each verdict that accepts: a whole batch that was accepted is one UPDATE."""
    groups: dict[Verdict, list[int]] = defaultdict(list)
    for one in landed:
        same, pks = None, []
        for index, verdict in one.judgement.verdicts.items():
            if verdict.outcome is not Outcome.ACCEPTED:
                continue
            if verdict is not same:
                # Looked up once for all that were accepted together: to compare verdicts takes longer than the rest.
                same, pks = verdict, groups[verdict]
            pks.append(one.rows[index].pk)
    return groups


def _apply(ruling: Ruling[Row], lease: UUID, now: datetime) -> Counts:
    row, verdict = ruling.row, ruling.verdict
    words = verdict.words or "refused without a word"
    match ruling.fate:
        case Fate.UNPROVEN:
            held = _held([row.pk], lease)
            return Counts(parked=held.park(now, verdict.status, words, refused_after=ruling.since))
        case Fate.RELEASED:
            return Counts(later=release([row], lease, now, verdict, ruling.since))
        case Fate.SUSPECTED:
            due_at = next_time(now, row.attempts, verdict.outcome, None, random.uniform)
            waiting = _held([row.pk], lease)
            return Counts(
                later=waiting.release(due_at, verdict.status, verdict.words, refused_after=_first(ruling.since))
            )
        case Fate.GUILTY:
            return _convict(ruling, lease, now, words)


def _convict(ruling: Ruling[Row], lease: UUID, now: datetime, words: str) -> Counts:
    """It waits by itself, longer each time, until it is parked."""
    row, verdict = ruling.row, ruling.verdict
    refusals, is_parked = convicted(row.refusals, verdict.outcome)
    if is_parked:
        return Counts(parked=_held([row.pk], lease).park(now, verdict.status, words, refusals=refusals))
    due_at = next_time(now, refusals[verdict.outcome], verdict.outcome, None, random.uniform)
    if ruling.retry_after is not None:
        due_at = max(due_at, next_time(now, 1, verdict.outcome, ruling.retry_after, random.uniform))
    held = _held([row.pk], lease)
    return Counts(later=held.release(due_at, verdict.status, verdict.words, refusals=refusals))


def _apply_trouble(one: Response, lease: UUID, now: datetime) -> Counts:
    """The destination's trouble, and nothing about these rows: they stay due.

    Where nothing was sent for want of a token that is refused they are untouched.
    """
    held = _held([row.pk for row in one.rows], lease)
    if one.judgement.trouble is Outcome.UNAUTHORIZED:
        return Counts(later=held.put_back())
    return Counts(later=held.release(now, one.answer.status, one.answer.words))


def _attempts(one: Response, destination: Destination, api: Api) -> Iterator[DeliveryAttempt]:
    """Yield a row for each HTTP request; with a refused token the same statements were sent twice."""
    for answer in (*one.answer.earlier, one.answer):
        yield DeliveryAttempt(
            destination=destination,
            api=api.value,
            started_at=one.started_at,
            statements=len(one.rows),
            accepted=one.accepted if answer is one.answer else 0,
            status=answer.status,
            outcome=answer.outcome.value,
            duration_ms=round(answer.duration * 1000),
            answer=answer.words,
        )
