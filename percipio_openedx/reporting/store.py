"""Store the findings: statements in storing order, and what has been reported from now on; a bulkhead for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections
from django.db.models import F
from django.utils import timezone

from percipio_openedx.bulkheads import Boundary, apart
from percipio_openedx.config import Configuration
from percipio_openedx.db import persistently, without_gap_locks, write_alias
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import State, Statement, StatementLedger, TopicTerm
from percipio_openedx.reporting.facts import ROWS_IN_AN_INSERT
from percipio_openedx.reporting.findings import LearnerFinding
from percipio_openedx.statements.content import BuiltStatement
from percipio_openedx.statements.ids import topic_of

# The account's configuration that shaped a statement, and the Percipio organization that it goes to.
Target = tuple[Configuration, str]

TICK = timedelta(microseconds=1)

# Columns that identify a row and are never updated.
_IDENTIFYING = ("id", "user_id", "course_key", "site_id", "registration")
ROW_FIELDS = [field.name for field in LearnerCourse._meta.concrete_fields if field.name not in _IDENTIFYING]


class Replacement(NamedTuple):
    """A statement, what was rebuilt in its place, and where that goes to."""

    row: Statement
    built: BuiltStatement
    target: Target


def keep(
    configuration: Configuration, lease: UUID, findings: Sequence[LearnerFinding], now: datetime
) -> tuple[int, dict[int, Exception]]:
    """Insert the statements and record what was reported, in one transaction.

    Rows no longer held under ``lease`` are left alone: another worker has observed since. Idempotent: a statement that
    exists already (same id, same fact) is not inserted again.

    Returns:
        The number of new statements, and by user id the error of each learner whose rows cannot be written.

    Raises:
        Exception: nobody's can be written.
    """
    for finding in findings:
        finding.update_row()
    by_user = {finding.row.user_id: finding for finding in findings}

    def write(user_ids: Sequence[int]) -> int:
        some = [by_user[user_id] for user_id in user_ids]
        made = [(built, _target(finding)) for finding in some for _, built in finding.statements]
        return _keep(lease, some, _shared(configuration.site_id, made, now) if made else None, now)

    made, unwritten = apart(Boundary.ROW, list(by_user), write)
    return sum(made), unwritten


def rewrite(configuration: Configuration, made: Sequence[Replacement]) -> dict[int, Exception]:
    """Write rebuilt statements over still outdated ones, under the same id; return errors by primary key."""
    by_pk = {one.row.pk: one for one in made}

    def write(pks: Sequence[int]) -> None:
        some = [by_pk[pk] for pk in pks]
        _rewrite(some, _shared(configuration.site_id, [(one.built, one.target) for one in some], timezone.now()))

    _, unwritten = apart(Boundary.ROW, list(by_pk), write)
    return unwritten


class Clock:
    """Strictly increasing storing times, while this site's ledger row is locked."""

    def __init__(self, site_id: int) -> None:
        self._ledger = StatementLedger.objects.filter(site_id=site_id)
        # An UPDATE first: it takes the row's lock, and on SQLite the write lock, before anything is read.
        self._ledger.update(last_stored_at=F("last_stored_at"))
        # The current time, not that of the observation: pull clients may rely on everything before now being stored.
        self._last = max(timezone.now(), self._ledger.values_list("last_stored_at", flat=True).get())

    def next(self) -> datetime:
        self._last += TICK
        return self._last

    def close(self) -> None:
        self._ledger.update(last_stored_at=self._last)


# --- what statements of a site have in common -------------------------------------------------------------------------


class _Shared(NamedTuple):
    """What statements refer to: destinations and fingerprints by account and organization, topics by statement."""

    site_id: int
    destinations: Mapping[tuple[str, str], Destination]
    fingerprints: Mapping[tuple[str, str], str]
    topics: Mapping[UUID, UUID]

    def content(self, built: BuiltStatement, target: Target) -> dict[str, Any]:
        place = target[0].account, target[1]
        return {
            "verb": built.verb,
            "actor_key": built.actor_key,
            "topic": self.topics[built.id],
            "body": built.body,
            "track": built.track,
            "destination_id": self.destinations[place].pk,
            "built_by": self.fingerprints[place],
        }


@persistently
def _shared(site_id: int, made: Sequence[tuple[BuiltStatement, Target]], now: datetime) -> _Shared:
    StatementLedger.objects.get_or_create(site_id=site_id, defaults={"last_stored_at": now})
    senders = {(one.account, organization): one for _, (one, organization) in made}
    destinations = {
        (account, name): Destination.of(
            site_id, name, own_credentials=senders[account, name].own_credentials, account=account
        )
        for account, name in sorted(senders)
    }
    fingerprints = {place: one.fingerprint for place, one in senders.items()}
    return _Shared(site_id, destinations, fingerprints, topics_of(site_id, [built for built, _ in made]))


def topics_of(site_id: int, built: Sequence[BuiltStatement]) -> dict[UUID, UUID]:
    """Return the topic of each statement by its id, and store the terms of new topics.

    A voiding statement is found by whatever finds the voided one (xAPI 1.0.3, Communication 2.1.3, filter conditions
    for StatementRefs), so it has the other's terms besides its own; the voided one is stored already.
    """
    terms = {each.id: each.terms for each in built}
    for each in built:
        if each.retracts is not None:
            topic = Statement.objects.filter(uuid=each.retracts).values("topic")
            stored = TopicTerm.objects.filter(site_id=site_id, topic__in=topic).values_list("term", flat=True)
            terms[each.id] = each.terms.union(stored)
    topics = {uuid: topic_of(of_one) for uuid, of_one in terms.items()}
    wanted = {topics[uuid]: of_one for uuid, of_one in terms.items()}
    rows = TopicTerm.objects.filter(site_id=site_id, topic__in=list(wanted))
    new = sorted(wanted.keys() - set(rows.values_list("topic", flat=True).distinct()))
    if new:
        # All of them or none; another worker may have inserted them first.
        TopicTerm.objects.bulk_create(
            [TopicTerm(site_id=site_id, topic=topic, term=term) for topic in new for term in sorted(wanted[topic])],
            ignore_conflicts=True,
        )
    return topics


# --- one transaction --------------------------------------------------------------------------------------------------


@persistently
def _keep(lease: UUID, findings: Sequence[LearnerFinding], shared: _Shared | None, now: datetime) -> int:
    with without_gap_locks():
        clock = None if shared is None else Clock(shared.site_id)
        mine = _update_rows(lease, findings, now)
        if shared is None or clock is None:
            return 0
        ids = [built.id for finding in mine for _, built in finding.statements]
        known = set(Statement.objects.filter(uuid__in=ids).values_list("uuid", flat=True))
        rows = [row for finding in mine for row in _statements(finding, shared, known, clock, now)]
        Statement.objects.bulk_create(rows, batch_size=ROWS_IN_AN_INSERT)
        for finding in mine:
            for _, built in finding.statements:
                if built.retracts is not None:
                    Statement.objects.filter(uuid=built.retracts).update(voided_by=built.id)
        clock.close()
    return len(rows)


def _update_rows(lease: UUID, findings: Sequence[LearnerFinding], now: datetime) -> list[LearnerFinding]:
    """Write the reported state of rows still held, end their lease, and return their findings."""
    pks = [finding.row.pk for finding in findings]
    rows = LearnerCourse.objects.select_for_update().filter(pk__in=pks, lease=lease).order_by("pk")
    held = set(rows.values_list("pk", flat=True))
    mine = [finding for finding in findings if finding.row.pk in held]
    if left := [finding.row.pk for finding in mine if finding.has_left]:
        Statement.objects.filter(learner_course_id__in=left).leave_account(now)
    if same := [finding.row.pk for finding in mine if not finding.is_news]:
        LearnerCourse.objects.filter(pk__in=same).update(observed_at=now, lease=None, leased_until=None)
    if news := [finding.row for finding in mine if finding.is_news]:
        for row in news:
            row.observed_at, row.lease, row.leased_until = now, None, None
        values = {tuple(getattr(row, name) for name in ROW_FIELDS) for row in news}
        if len(values) == 1:
            # The same of everybody, as where a class enrolls: cheaper for the ORM than what follows.
            same_values = dict(zip(ROW_FIELDS, values.pop(), strict=True))
            LearnerCourse.objects.filter(pk__in=[row.pk for row in news]).update(**same_values)
            return mine
        # One INSERT ... ON DUPLICATE KEY UPDATE: many times faster than ``bulk_update``'s CASE expressions.
        by_target = connections[write_alias()].features.supports_update_conflicts_with_target
        LearnerCourse.objects.bulk_create(
            news,
            batch_size=ROWS_IN_AN_INSERT,
            update_conflicts=True,
            update_fields=ROW_FIELDS,
            unique_fields=["id"] if by_target else None,
        )
    return mine


def _statements(
    finding: LearnerFinding, shared: _Shared, known: set[UUID], clock: Clock, now: datetime
) -> list[Statement]:
    row, first = finding.row, finding.row.sequence - len(finding.statements) + 1
    return [
        Statement(
            uuid=built.id,
            learner_course_id=row.pk,
            sequence=sequence,
            course_key=row.course_key,
            site_id=shared.site_id,
            kind=milestone.kind.value,
            value=milestone.value,
            registration=row.registration,
            happened_at=built.timestamp or milestone.at,
            stored_at=clock.next(),
            state=State.WAITING,
            due_at=now,
            **shared.content(built, _target(finding)),
        )
        for sequence, (milestone, built) in enumerate(finding.statements, start=first)
        if built.id not in known
    ]


@persistently
def _rewrite(made: Sequence[Replacement], shared: _Shared) -> None:
    site_id = shared.site_id
    with without_gap_locks():
        # A statement of a course run that moved here from another site also gets a new storing time.
        clock = Clock(site_id) if any(one.row.site_id != site_id for one in made) else None
        pks = [one.row.pk for one in made]
        outdated = Statement.objects.select_for_update().filter(pk__in=pks, state=State.OUTDATED).order_by("pk")
        still_outdated = set(outdated.values_list("pk", flat=True))
        now = timezone.now()
        for row, built, target in made:
            if row.pk not in still_outdated:
                continue
            content = shared.content(built, target)
            # Drop the reason of a failed rebuild; keep Percipio's message.
            content["answer"] = "" if row.attempts else row.answer
            if clock is not None and row.site_id != site_id:
                content |= {"site_id": site_id, "stored_at": clock.next()}
            Statement.objects.filter(pk=row.pk).rebuild(now, **content)
        if clock is not None:
            clock.close()


def _target(finding: LearnerFinding) -> Target:
    """Return where a finding's statements go; only a learner who has an account and a name has any."""
    if finding.configuration is None or finding.identity is None:
        raise ValueError("statements of a learner who is not named")
    return finding.configuration, finding.identity.organization
