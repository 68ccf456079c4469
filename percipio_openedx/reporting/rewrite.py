"""Writing what was built anew: content, destination and what shaped it, in one transaction; the id stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from percipio_openedx.bulkheads import Boundary, apart
from percipio_openedx.config import Configuration
from percipio_openedx.data import BuiltStatement
from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.reporting.store import Clock, make_ledger
from percipio_openedx.reporting.topics import topics_of


class New(NamedTuple):
    """A statement built anew, and the Percipio organization that it goes to."""

    statement: BuiltStatement
    organization: str


@dataclass(frozen=True, slots=True)
class _Written:
    """All that one transaction writes: made before it begins, so that it can be run again."""

    configuration: Configuration
    rows: Sequence[tuple[Statement, New]]
    destinations: Mapping[str, Destination]
    topics: Mapping[UUID, UUID]


def write(configuration: Configuration, made: Sequence[tuple[Statement, New]]) -> dict[int, Exception]:
    """Write statements over those that they replace, as far as these are still to be built anew.

    The bulkhead around writing rows, as in ``store.keep``.

    Returns:
        By primary key, why a row cannot be written.
    """
    by_pk = {row.pk: (row, new) for row, new in made}
    _, unwritten = apart(Boundary.ROW, list(by_pk), lambda pks: _write_some(configuration, [by_pk[pk] for pk in pks]))
    return unwritten


def _write_some(configuration: Configuration, rows: Sequence[tuple[Statement, New]]) -> None:
    site_id = configuration.site_id
    make_ledger(site_id, timezone.now())
    organizations = sorted({new.organization for _, new in rows})
    destinations = {name: _destination(configuration, name) for name in organizations}
    topics = topics_of(site_id, (new.statement for _, new in rows))
    _write(_Written(configuration, rows, destinations, topics))


@persistently
def _destination(configuration: Configuration, organization: str) -> Destination:
    return Destination.of(configuration.site_id, organization, own_credentials=configuration.own_credentials)


@persistently
def _write(written: _Written) -> None:
    configuration = written.configuration
    pks = [row.pk for row, _ in written.rows]
    with without_gap_locks():
        # Of statements that come from another site, whose course run moved, the place among this one's is new, too.
        have_moved = any(row.site_id != configuration.site_id for row, _ in written.rows)
        clock = Clock(configuration.site_id) if have_moved else None
        outdated = Statement.objects.select_for_update().filter(pk__in=pks, state=State.OUTDATED)
        mine = set(outdated.order_by("pk").values_list("pk", flat=True))
        now = timezone.now()
        for row, new in written.rows:
            if row.pk in mine:
                content = _content(row, new, written)
                if clock is not None and row.site_id != configuration.site_id:
                    content |= {"site_id": configuration.site_id, "stored_at": clock.next()}
                Statement.objects.filter(pk=row.pk).rebuild(now, **content)
        if clock is not None:
            clock.close()


def _content(row: Statement, new: New, written: _Written) -> dict[str, Any]:
    built = new.statement
    return {
        "verb": built.verb,
        "actor_key": built.actor_key,
        "topic": written.topics[built.id],
        "body": built.body,
        "track": built.track,
        "destination_id": written.destinations[new.organization].pk,
        "built_by": written.configuration.fingerprint,
        # Why it could not be built is over; what Percipio said stays.
        "answer": "" if row.attempts else row.answer,
    }


@persistently
def keep_as_it_is(pks: Sequence[int]) -> int:
    """Let statements go as they are after all; the number of them."""
    return Statement.objects.filter(pk__in=pks).keep_as_it_is(timezone.now())


@persistently
def put_off(pks: Sequence[int], due_at: datetime, reason: str) -> int:
    """Let statements that cannot be built wait until then; the number of them."""
    return Statement.objects.filter(pk__in=pks).put_off(due_at, reason)
