"""The inverse of ``build``: the milestone that a frozen statement reports. Pure."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import isodate

from percipio_openedx.data import Milestone, Score
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError

ROUND = "round-"


def milestone_of(kind: str, value: str, at: datetime, body: bytes) -> Milestone:
    """Return the milestone of a statement that was made earlier: the same fact, with the result as it was then.

    Arguments:
        kind: of the milestone.
        value: what tells it from others of its kind (``data.Milestone.value``).
        at: when it came true.
        body: the frozen xAPI statement, of which the result counts. What a site's filter steps have taken out of it is
            not known any more.

    Raises:
        StatementError: kind and value are none that were ever made.
    """
    result = _result(body)
    try:
        found = _of_value(Kind(kind), value, at)
    except ValueError:
        raise StatementError("value", "is none of a milestone") from None
    score, success = result.get("score"), result.get("success")
    scaled = score.get("scaled") if isinstance(score, dict) else None
    is_number = isinstance(scaled, int | float) and not isinstance(scaled, bool)
    return Milestone(
        kind=found.kind,
        at=at,
        percent=found.percent,
        score=Score(float(scaled)) if is_number and scaled is not None else None,
        success=success if isinstance(success, bool) else None,
        seconds=_seconds(str(result.get("duration", ""))),
        round=found.round,
        retracts=found.retracts,
    )


def _of_value(kind: Kind, value: str, at: datetime) -> Milestone:
    if kind is Kind.PROGRESSED:
        return Milestone(kind, at, percent=int(value))
    words = value.split(":") if value else []
    retracts = Kind(words.pop(0)) if kind is Kind.RETRACTED else None
    rounds = [int(word.removeprefix(ROUND)) for word in words]
    return Milestone(kind, at, round=rounds[0] if rounds else 0, retracts=retracts)


def _seconds(duration: str) -> int | None:
    try:
        length = isodate.parse_duration(duration)
    except (ValueError, OverflowError):
        return None
    return int(length.total_seconds()) if isinstance(length, timedelta) else None


def _result(body: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        statement = json.loads(body)
        if isinstance(statement, dict) and isinstance(statement.get("result"), dict):
            return dict(statement["result"])
    return {}
