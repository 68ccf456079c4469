"""The door of this package: a milestone in, frozen bytes out.

    telling → event → event-routing-backends (transformer, filters) → normaliser → size → checker → bytes

The same telling gives the same bytes, whoever builds it and when, as long as the milestone does not lie in
the future.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from percipio_openedx.data import BuiltStatement, Telling
from percipio_openedx.statements import ids, timing
from percipio_openedx.statements.checker import check
from percipio_openedx.statements.event import event_of
from percipio_openedx.statements.normaliser import normalise
from percipio_openedx.statements.processor import PercipioXApiProcessor
from percipio_openedx.statements.size import fitted
from percipio_openedx.statements.terms import terms_of
from percipio_openedx.statements.track import record_of

_processor = PercipioXApiProcessor()


def build(telling: Telling, *, now: datetime) -> BuiltStatement:
    """The statement and the Track record of one milestone.

    Arguments:
        telling: the milestone with learner, course and site.
        now: the present moment, with a time zone; no statement is later than this.

    Raises:
        StatementError: the milestone cannot be expressed; it names the field, never its value.
    """
    at = timing.moment(telling.milestone.at, now)
    track = record_of(telling, at)
    event = event_of(telling, at)
    (transformed,) = _processor.transform_event(event)
    statement = normalise(transformed, at)
    body = fitted(statement)
    check(statement)
    return BuiltStatement(
        id=event["data"]["statement_id"],
        body=body,
        track=track,
        verb=statement["verb"]["id"],
        actor_key=ids.actor_key_of(statement["actor"]),
        timestamp=at,
        retracts=event["data"]["retracts"],
        terms=terms_of(statement),
    )


def build_all(tellings: Iterable[Telling], now: datetime) -> list[BuiltStatement]:
    """``build`` for several milestones, in their order. The first that cannot be expressed raises."""
    return [build(telling, now=now) for telling in tellings]
