"""Write results to the rows: a few SQL statements for many rows, in one short transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import PositiveBigIntegerField, Value
from django.db.models.functions import Coalesce

from percipio_openedx.db import persistently, write_alias
from percipio_openedx.delivery.attribution import IN_A_ROW, Fate, Row, Ruling, convicted
from percipio_openedx.delivery.bodies import StatementVerdict
from percipio_openedx.delivery.outcomes import Answer, next_time
from percipio_openedx.delivery.sender import Response
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.statement import STALE, State, Statement, StatementQuerySet
from percipio_openedx.models.unknown_learner import UnknownLearner

# Refused lines of learners and courses that are compared.
MOST_LINES = 200


@persistently
def settle(
    destination: Destination,
    api: Api,
    lease: UUID,
    responses: Sequence[Response],
    rulings: Sequence[Ruling],
    now: datetime,
) -> Counter[str]:
    """Settle accepted and decided rows; rows to retry now, or undecided, stay claimed.

    ``rulings`` decide statements that failed alone, now or before. Rows no longer under ``lease`` are left alone.
    """
    counts: Counter[str] = Counter()
    accepted: dict[StatementVerdict, list[int]] = defaultdict(list)
    for one in responses:
        for index, verdict in one.judgment.verdicts.items():
            if verdict.outcome is Outcome.ACCEPTED:
                accepted[verdict].append(one.rows[index].pk)
    with transaction.atomic(using=write_alias()):
        if in_doubt := [pk for one in responses for pk in one.in_doubt]:
            _held(in_doubt, lease).doubt()
        for verdict, pks in accepted.items():
            counts["sent"] += _held(pks, lease).accept(now, verdict.status, verdict.message)
        _known_again(destination, [pk for pks in accepted.values() for pk in pks], now)
        unknown = []
        for ruling in rulings:
            done = _apply(ruling, lease, now)
            counts += done
            if done["parked"] and ruling.verdict.is_unknown_learner:
                unknown.append(ruling.row.pk)
        if unknown:
            UnknownLearner.objects.learn(destination, unknown, now)
        made = []
        for one in responses:
            if (problem := one.judgment.problem) is not None:
                verdict = StatementVerdict(problem, one.answer.status, one.answer.message)
                counts["later"] += release_failed(one.rows, lease, now, verdict)
            made += attempts(destination, api, one.started_at, one.answer, len(one.rows), len(one.accepted))
        DeliveryAttempt.objects.bulk_create(made)
    return counts


@persistently
def release(rows: Iterable[Row], lease: UUID, in_flight: Container[int] = ()) -> int:
    """Release rows that are held and not settled; for those in flight it is unknown whether Percipio has them."""
    pks = [row.pk for row in rows]
    sent = [pk for pk in pks if pk in in_flight]
    unsent = [pk for pk in pks if pk not in in_flight]
    count = _held(unsent, lease).release() if unsent else 0
    return count + (_held(sent, lease).release(was_sent=True) if sent else 0)


@persistently
def release_failed(
    rows: Iterable[Row], lease: UUID, now: datetime, verdict: StatementVerdict, since: int | None = None
) -> int:
    """Release rows of a failed request where the destination is, or may be, at fault. They stay due.

    Untouched if credentials are refused; otherwise they queue behind untried rows and keep the answer. ``since`` is the
    destination's success count when a request holding them first failed; None where the failure says nothing of them.
    """
    held = _held([row.pk for row in rows], lease)
    blame: dict[str, Any] = {} if since is None else {"refused_after": _first(since)}
    if verdict.outcome is Outcome.UNAUTHORIZED:
        return held.release(**blame)
    return held.retry_later(now, verdict.status, verdict.message, **blame)


@persistently
def reopen(destination: Destination, since: int, now: datetime) -> int:
    """Requeue rows parked with nothing to compare them with, since everything turned out to be refused.

    Nothing was accepted after ``since``, a success count of the destination. Their learners are not unknown either: it
    is the organization, for instance, that Percipio does not know.
    """
    rows = _unproven(destination, since)
    learners = list(rows.order_by().values_list("learner_course__user_id", flat=True).distinct())
    UnknownLearner.objects.filter(destination=destination, user_id__in=learners).forget(now)
    return rows.queue(now)


def refuses_all(destination: Destination, since: int, rulings: Iterable[Ruling]) -> bool:
    """Return whether several learners were refused since ``since`` (see ``reopen``), counting these unparked rows.

    A learner whom Percipio does not know counts once, in however many courses.
    """
    these = Statement.objects.filter(pk__in=[one.row.pk for one in rulings])
    refused = (_unproven(destination, since) | these).order_by().values_list("learner_course_id", "actor_key")
    lines = list(refused.distinct()[:MOST_LINES])
    known = UnknownLearner.objects.filter(destination=destination, actor_key__in={actor_key for _, actor_key in lines})
    unknown = {one.row.actor_key for one in rulings if one.verdict.is_unknown_learner}
    unknown.update(known.values_list("actor_key", flat=True))
    return len({actor_key if actor_key in unknown else line for line, actor_key in lines}) >= IN_A_ROW


def _unproven(destination: Destination, since: int) -> StatementQuerySet:
    """Return the rows parked since then with nothing to compare them with, so uncounted."""
    parked = Statement.objects.filter(destination=destination, state=State.PARKED, refusals__isnull=True)
    return parked.filter(refused_after__gte=since)


@persistently
def skip(rows: Iterable[Row], lease: UUID, now: datetime) -> int:
    """Settle rows for which the Track API has no form."""
    return _held([row.pk for row in rows], lease).skip(now)


@persistently
def requeue_skipped(destination: Destination, now: datetime, most: int = 1000) -> int:
    """Requeue skipped statements, oldest first; those withdrawn since stay."""
    skipped = Statement.objects.filter(destination=destination, state=State.SKIPPED, voided_by__isnull=True)
    pks = list(skipped.order_by("due_at", "id").values_list("pk", flat=True)[:most])
    return Statement.objects.filter(pk__in=pks, state=State.SKIPPED).queue(now) if pks else 0


def stale(pks: Sequence[int], lease: UUID) -> set[int]:
    """Return which of these, held and unsent, are to be rebuilt instead of sent."""
    return set(_held(pks, lease).filter(built_by=STALE).values_list("pk", flat=True))


def _known_again(destination: Destination, accepted: Sequence[int], now: datetime) -> None:
    """End the holds of learners of whom something was accepted."""
    held = UnknownLearner.objects.filter(destination=destination)
    if accepted and held.exists():
        learners = Statement.objects.filter(pk__in=accepted).values_list("learner_course__user_id", flat=True)
        held.filter(user_id__in=set(learners)).release(now)


def _held(pks: Sequence[int], lease: UUID) -> StatementQuerySet:
    return Statement.objects.filter(pk__in=pks).held_by(lease)


def _first(since: int) -> Coalesce:
    """Return the success count when it first failed: later acceptances tell whose fault that was."""
    return Coalesce("refused_after", Value(since, output_field=PositiveBigIntegerField()))


def _apply(ruling: Ruling, lease: UUID, now: datetime) -> Counter[str]:
    row, verdict = ruling.row, ruling.verdict
    blame: dict[str, Any]
    message = verdict.message or "refused without a word"
    if ruling.fate is Fate.RELEASED:
        return Counter(later=release_failed([row], lease, now, verdict, ruling.since))
    if ruling.fate is Fate.UNPROVEN:
        return Counter(parked=_held([row.pk], lease).park(now, verdict.status, message, refused_after=ruling.since))
    if ruling.fate is Fate.SUSPECTED:
        blame = {"refused_after": _first(ruling.since)}
        due_at = next_time(now, row.attempts, verdict.outcome)
    else:
        # Guilty: backs off by itself until it is parked.
        refusals, is_parked = convicted(row.refusals, verdict.outcome)
        if is_parked:
            return Counter(parked=_held([row.pk], lease).park(now, verdict.status, message, refusals=refusals))
        blame = {"refusals": refusals}
        due_at = next_time(now, refusals[verdict.outcome], verdict.outcome)
        if ruling.retry_after is not None:
            due_at = max(due_at, next_time(now, 1, verdict.outcome, ruling.retry_after))
    return Counter(later=_held([row.pk], lease).retry_later(due_at, verdict.status, verdict.message, **blame))


def attempts(
    destination: Destination, api: str, started_at: datetime, answer: Answer, statements: int, accepted: int
) -> list[DeliveryAttempt]:
    """Return a row per HTTP request; after a refused token the same was sent twice."""
    return [
        DeliveryAttempt(
            destination=destination,
            api=api,
            started_at=started_at,
            statements=statements,
            accepted=accepted if one is answer else 0,
            status=one.status,
            outcome=one.outcome.value,
            duration_ms=round(one.duration * 1000),
            answer=one.message,
        )
        for one in (*answer.earlier, answer)
    ]
