"""Keeping what a look found: the statements, in the order of their storing, and what is told from now on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connections
from django.db.models import F
from django.utils import timezone

from percipio_openedx.config import Configuration
from percipio_openedx.data import BuiltStatement, Milestone
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.ledger import StatementLedger
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.reporting.topics import topic_ids
from percipio_openedx.transactions import persistently, without_gap_locks, write_alias

if TYPE_CHECKING:
    from percipio_openedx.reporting.look import Finding

TICK = timedelta(microseconds=1)

# Rows in one INSERT; SQLite bounds the parameters of a statement.
AT_ONCE = 500

TOLD_FIELDS = (
    "told_started",
    "told_percent",
    "told_passed",
    "told_completed",
    "told_passed_round",
    "told_completed_round",
    "sequence",
    "activity_version",
    "percent_seen",
    "hold_reason",
    "looked_at",
    "lease",
    "leased_until",
)


def keep(configuration: Configuration, lease: UUID, findings: Sequence[Finding], now: datetime) -> int:
    """Insert the statements and remember what was told, in one transaction; the number of statements that are new.

    Whatever is no longer held under ``lease`` is left alone: somebody else has looked since. A statement that is there
    already (same id: same fact) is not made twice.
    """
    news, same = _prepared(findings, now)
    if not any(finding.statements for finding in findings):
        _remember(lease, news, same, now)
        return 0
    _make_ledger(configuration.site_id, now)
    destinations = _destinations(configuration.site_id, findings)
    topics = topic_ids(configuration.site_id, (built for finding in findings for _, built in finding.statements))
    return _keep(_Kept(configuration.site_id, lease, news, same, destinations, topics, now))


@dataclass(frozen=True, slots=True)
class _Kept:
    """All that one transaction writes: made before it begins, and not changed by it, so that it can be run again."""

    site_id: int
    lease: UUID
    news: Sequence[Finding]
    same: Sequence[int]
    destinations: Mapping[str, Destination]
    topics: Mapping[UUID, int]
    now: datetime


def _prepared(findings: Sequence[Finding], now: datetime) -> tuple[list[Finding], list[int]]:
    """Those whose rows change, with the rows as they shall be; and the rows that were only looked at."""
    news, same = [], []
    for finding in findings:
        row = finding.row
        if not finding.is_news:
            same.append(row.pk)
            continue
        row.remember(finding.told)
        row.hold_reason, row.looked_at = str(finding.hold), now
        row.lease, row.leased_until = None, None
        finding.first_sequence = row.sequence + 1
        row.sequence += len(finding.statements)
        news.append(finding)
    return news, same


@persistently
def _keep(kept: _Kept) -> int:
    with without_gap_locks():
        clock = _Clock(kept.site_id)
        held = _write_down(kept.lease, kept.news, kept.same, kept.now)
        mine = [finding for finding in kept.news if finding.row.pk in held]
        rows = _new_ones([row for finding in mine for row in _rows(finding, kept.destinations, clock, kept.now)])
        for row in rows:
            row.topic_id = kept.topics[row.uuid]
        Statement.objects.bulk_create(rows, batch_size=AT_ONCE)
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
    if only_looked := [pk for pk in same if pk in held]:
        LearnerCourse.objects.filter(pk__in=only_looked).update(looked_at=now, lease=None, leased_until=None)
    _upsert([finding.row for finding in news if finding.row.pk in held])
    return held


def _upsert(rows: Sequence[LearnerCourse]) -> None:
    """One INSERT ... ON DUPLICATE KEY UPDATE a batch: many times faster than ``bulk_update``'s CASE expressions."""
    with_target = connections[write_alias()].features.supports_update_conflicts_with_target
    LearnerCourse.objects.bulk_create(
        rows,
        batch_size=AT_ONCE // 10 if with_target else AT_ONCE,
        update_conflicts=True,
        update_fields=TOLD_FIELDS,
        unique_fields=["id"] if with_target else None,
    )


def _rows(finding: Finding, destinations: Mapping[str, Destination], clock: _Clock, now: datetime) -> list[Statement]:
    if finding.identity is None:
        return []
    destination = destinations[finding.identity.organization]
    return [
        _row(finding.row, found, built, destination, sequence, clock, now)
        for sequence, (found, built) in enumerate(finding.statements, start=finding.first_sequence)
    ]


def _row(
    row: LearnerCourse,
    found: Milestone,
    built: BuiltStatement,
    destination: Destination,
    sequence: int,
    clock: _Clock,
    now: datetime,
) -> Statement:
    return Statement(
        uuid=built.id,
        learner_course=row,
        sequence=sequence,
        site_id=row.site_id,
        kind=found.kind.value,
        value=found.value,
        registration=row.registration,
        verb=built.verb,
        actor_key=built.actor_key,
        activity_key=built.activity_key,
        happened_at=built.timestamp or found.at,
        stored_at=clock.next(),
        body=built.body,
        track=built.track,
        destination=destination,
        state=State.WAITING,
        due_at=now,
    )


def _new_ones(rows: Sequence[Statement]) -> list[Statement]:
    known = set(Statement.objects.filter(uuid__in=[row.uuid for row in rows]).values_list("uuid", flat=True))
    return [row for row in rows if row.uuid not in known]


def _mark_voided(findings: Sequence[Finding]) -> None:
    for finding in findings:
        for _, built in finding.statements:
            if built.retracts is not None:
                Statement.objects.filter(uuid=built.retracts).update(voided_by=built.id)


@persistently
def _destinations(site_id: int, findings: Sequence[Finding]) -> dict[str, Destination]:
    organizations = {finding.identity.organization for finding in findings if finding.identity is not None}
    return {
        organization: Destination.objects.get_or_create(site_id=site_id, organization=organization)[0]
        for organization in sorted(organizations)
    }


@persistently
def _make_ledger(site_id: int, now: datetime) -> None:
    StatementLedger.objects.get_or_create(site_id=site_id, defaults={"last_stored_at": now})


class _Clock:
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
