"""Keeping what a look found: the statements, in the order of their storing, and what is told from now on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db import connections
from django.db.models import F
from django.utils import timezone

from percipio_openedx.bulkheads import Boundary, apart
from percipio_openedx.config import Configuration
from percipio_openedx.data import BuiltStatement, Milestone
from percipio_openedx.db import persistently, without_gap_locks, write_alias
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import State, Statement, StatementLedger
from percipio_openedx.reporting.topics import topics_of

if TYPE_CHECKING:
    from percipio_openedx.reporting.findings import Finding

TICK = timedelta(microseconds=1)
# A server takes no longer statement than ``max_allowed_packet``, 16 MB in MariaDB; a row may have 16 KB and more.
ROWS_IN_AN_INSERT = 200
# Rows that one UPDATE has to save from being written by themselves, to be worth its own cost.
WORTH_AN_UPDATE = 50

REPORTED_FIELDS = (
    "reported_started",
    "reported_percent",
    "reported_passed",
    "reported_completed",
    "reported_passed_round",
    "reported_completed_round",
    "reported_turned_at",
    "sequence",
    "activity_version",
    "percent_seen",
    "percent_unlocked_seen",
    "hold_reason",
    "observe_again_at",
)

STATEMENT_FIELDS = (
    "uuid",
    "learner_course",
    "sequence",
    "course_key",
    "kind",
    "value",
    "registration",
    "verb",
    "actor_key",
    "topic",
    "happened_at",
    "stored_at",
    "body",
    "track",
    "destination",
)


def keep(
    configuration: Configuration, lease: UUID, findings: Sequence[Finding], now: datetime
) -> tuple[int, dict[int, Exception]]:
    """Insert the statements and remember what was told, in one transaction.

    Whatever is no longer held under ``lease`` is left alone: somebody else has looked since. A statement that is there
    already (same id: same fact) is not made twice.

    The bulkhead around writing rows: a row that breaks its transaction is found by halves and set aside alone.

    Returns:
        The number of statements that are new, and by user id the error of each learner whose rows cannot be written.

    Raises:
        Exception: nobody's can.
    """
    prepared = {finding.row.user_id: _Prepared.of(finding) for finding in findings}

    def write(user_ids: Sequence[int]) -> int:
        return _keep_some(configuration, lease, [prepared[user_id] for user_id in user_ids], now)

    made, unwritten = apart(Boundary.ROW, list(prepared), write)
    return sum(made), unwritten


class _Prepared(NamedTuple):
    """A finding, its row as it shall be, and whether anything of it changes but that somebody has looked."""

    finding: Finding
    is_news: bool

    @classmethod
    def of(cls, finding: Finding) -> _Prepared:
        is_news = finding.is_news
        if is_news:
            row = finding.row
            row.remember(finding.reported)
            row.hold_reason = str(finding.hold)
            row.observe_again_at = finding.again_at
            finding.first_sequence = row.sequence + 1
            row.sequence += len(finding.statements)
        return cls(finding, is_news)


def _keep_some(configuration: Configuration, lease: UUID, prepared: Sequence[_Prepared], now: datetime) -> int:
    news = [one.finding for one in prepared if one.is_news]
    same = [one.finding.row.pk for one in prepared if not one.is_news]
    if not any(finding.statements for finding in news):
        _remember(lease, news, same, now)
        return 0
    make_ledger(configuration.site_id, now)
    destinations = _destinations(configuration, news)
    topics = topics_of(configuration.site_id, (built for finding in news for _, built in finding.statements))
    built_by = configuration.fingerprint
    return _keep(_Kept(configuration.site_id, lease, news, same, destinations, topics, built_by, now))


@dataclass(frozen=True, slots=True)
class _Kept:
    """All that one transaction writes: made before it begins, and not changed by it, so that it can be run again."""

    site_id: int
    lease: UUID
    news: Sequence[Finding]
    same: Sequence[int]
    destinations: Mapping[str, Destination]
    topics: Mapping[UUID, UUID]
    built_by: str
    now: datetime


@persistently
def _keep(kept: _Kept) -> int:
    with without_gap_locks():
        clock = Clock(kept.site_id)
        held = _write_down(kept.lease, kept.news, kept.same, kept.now)
        mine = [finding for finding in kept.news if finding.row.pk in held]
        rows = [_statement(made, kept, clock) for made in _new_ones(mine)]
        shared = {"site_id": kept.site_id, "state": State.WAITING, "due_at": kept.now, "built_by": kept.built_by}
        attributes = {field.name: field.attname for field in Statement._meta.concrete_fields}
        names = [attributes[name] for name in STATEMENT_FIELDS]
        made = (Statement(**dict(zip(names, row, strict=True)), **shared) for row in rows)
        Statement.objects.bulk_create(made, batch_size=ROWS_IN_AN_INSERT)
        _mark_voided(mine)
        clock.close()
    return len(rows)


@persistently
def _remember(lease: UUID, news: Sequence[Finding], same: Sequence[int], now: datetime) -> None:
    with without_gap_locks():
        _write_down(lease, news, same, now)


def _write_down(lease: UUID, news: Sequence[Finding], same: Sequence[int], now: datetime) -> set[int]:
    """Write what is told of those still held, and end the lease; the rows that were still held."""
    pks = [*same, *(finding.row.pk for finding in news)]
    rows = LearnerCourse.objects.select_for_update().filter(pk__in=pks, lease=lease).order_by("pk")
    held = set(rows.values_list("pk", flat=True))
    if only_observed := [pk for pk in same if pk in held]:
        LearnerCourse.objects.filter(pk__in=only_observed).update(observed_at=now, lease=None, leased_until=None)
    _tell([finding.row for finding in news if finding.row.pk in held], now)
    return held


def _tell(rows: Sequence[LearnerCourse], now: datetime) -> None:
    """An UPDATE for all that are told the same, as when many enroll. Where they differ, all in one INSERT ... ON
    DUPLICATE KEY UPDATE: many times faster than ``bulk_update``'s CASE expressions.
    """
    shared = {"observed_at": now, "lease": None, "leased_until": None}
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row in rows:
        alike[tuple(getattr(row, name) for name in REPORTED_FIELDS)].append(row.pk)
    if len(alike) <= max(1, len(rows) // WORTH_AN_UPDATE):
        for reported, pks in alike.items():
            values = dict(zip(REPORTED_FIELDS, reported, strict=True)) | shared
            LearnerCourse.objects.filter(pk__in=pks).update(**values)
        return
    for row in rows:
        row.observed_at, row.lease, row.leased_until = now, None, None
    by_target = connections[write_alias()].features.supports_update_conflicts_with_target
    LearnerCourse.objects.bulk_create(
        rows,
        update_conflicts=True,
        update_fields=(*REPORTED_FIELDS, *shared),
        unique_fields=["id"] if by_target else None,
    )


class _New(NamedTuple):
    """A statement that is to be inserted, and where it stands in its learner's line."""

    finding: Finding
    sequence: int
    milestone: Milestone
    built: BuiltStatement


def _new_ones(findings: Sequence[Finding]) -> list[_New]:
    made = [
        _New(finding, sequence, milestone, built)
        for finding in findings
        for sequence, (milestone, built) in enumerate(finding.statements, start=finding.first_sequence)
    ]
    ids = [one.built.id for one in made]
    known = set(Statement.objects.filter(uuid__in=ids).values_list("uuid", flat=True))
    return [one for one in made if one.built.id not in known]


def _statement(new: _New, kept: _Kept, clock: Clock) -> tuple[Any, ...]:
    """The values of ``STATEMENT_FIELDS``."""
    row, built = new.finding.row, new.built
    organization = new.finding.identity.organization if new.finding.identity else ""
    return (
        built.id,
        row.pk,
        new.sequence,
        row.course_key,
        new.milestone.kind.value,
        new.milestone.value,
        row.registration,
        built.verb,
        built.actor_key,
        kept.topics[built.id],
        built.timestamp or new.milestone.at,
        clock.next(),
        built.body,
        built.track,
        kept.destinations[organization].pk,
    )


def _mark_voided(findings: Sequence[Finding]) -> None:
    for finding in findings:
        for _, built in finding.statements:
            if built.retracts is not None:
                Statement.objects.filter(uuid=built.retracts).update(voided_by=built.id)


@persistently
def _destinations(configuration: Configuration, findings: Sequence[Finding]) -> dict[str, Destination]:
    organizations = {finding.identity.organization for finding in findings if finding.identity is not None}
    return {
        organization: Destination.of(configuration.site_id, organization, own_credentials=configuration.own_credentials)
        for organization in sorted(organizations)
    }


@persistently
def make_ledger(site_id: int, now: datetime) -> None:
    StatementLedger.objects.get_or_create(site_id=site_id, defaults={"last_stored_at": now})


class Clock:
    """The times of storing, one after the other, while this site's ledger row is locked."""

    def __init__(self, site_id: int) -> None:
        ledger = StatementLedger.objects.filter(site_id=site_id)
        # An UPDATE first: it takes the row's lock, and on SQLite the write lock, before anything is read.
        ledger.update(last_stored_at=F("last_stored_at"))
        self._ledger = ledger
        # The time now, not that of the look: nobody may have been told that all before this moment is there already.
        self._last = max(timezone.now(), ledger.values_list("last_stored_at", flat=True).get())

    def next(self) -> datetime:
        self._last += TICK
        return self._last

    def close(self) -> None:
        self._ledger.update(last_stored_at=self._last)
