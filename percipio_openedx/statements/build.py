"""Build the frozen bytes of a statement and its Track record from a milestone, and read them back.

    milestone → event → event-routing-backends (transformer, the site's filters) → normalizer → filter → checker → bytes

Idempotent: the same milestone gives the same bytes, as long as it does not lie in the future.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import isodate
from event_routing_backends.processors.xapi.transformer_processor import XApiProcessor
from openedx_filters.exceptions import OpenEdxFilterException

from percipio_openedx.data import Milestone
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import ids
from percipio_openedx.statements.checker import check
from percipio_openedx.statements.content import BuiltStatement, StatementContext, course_facts, learner
from percipio_openedx.statements.filters import filtered
from percipio_openedx.statements.normalizer import frozen, normalize, shortened
from percipio_openedx.statements.text import plain
from percipio_openedx.statements.transformers import PercipioRegistry
from percipio_openedx.statements.vocabulary import EXTENSION_PROGRESS, LONGEST_VERB, TRACK_STATUS, event_name

LONGEST_PLATFORM: Final = 200
# A longer time on task, a hundred years, is an error.
MOST_SECONDS: Final = 100 * 366 * 24 * 3600
ROUND: Final = "round-"
ANEW: Final = "anew-"


class PercipioXApiProcessor(XApiProcessor):  # type: ignore[misc]
    """Transforms with the plugin's registry; routes and logs nothing, and ignores ``XAPI_EVENTS_ENABLED``."""

    registry = PercipioRegistry

    def transform_event(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the statement of an event, in a list, or raise ``StatementError`` with the class of the error only."""
        try:
            statement = self.get_transformed_event(event)
        except (ValueError, TypeError, AttributeError, LookupError, OpenEdxFilterException) as error:
            raise StatementError("statement", f"could not be transformed ({type(error).__name__})") from None
        return [statement.as_version()]


_processor = PercipioXApiProcessor()


def build(context: StatementContext, *, now: datetime) -> BuiltStatement:
    """Return the statement and Track record of a milestone; ``StatementError`` names the field, never its value.

    Raises ``StatementStopped`` if the site's own filter step stops it, and whatever such a step raises.
    """
    at = moment(context.milestone.at, now)
    record = _record(context, at)
    event = _event(context, at)
    (transformed,) = _processor.transform_event(event)
    statement, record = filtered(context, normalize(transformed, at), record, at)
    body = shortened(statement)
    check(statement)
    if len(statement["verb"]["id"]) > LONGEST_VERB:
        raise StatementError("verb", f"is longer than {LONGEST_VERB} characters")
    return BuiltStatement(
        id=event["data"]["statement_id"],
        body=body,
        track=None if record is None else frozen(record, "record"),
        verb=statement["verb"]["id"],
        actor_key=ids.actor_key_of(statement["actor"]),
        timestamp=at,
        retracts=event["data"]["retracts"],
        terms=ids.terms_of(statement),
    )


def moment(at: datetime, now: datetime) -> datetime:
    """Return the time in UTC and milliseconds, at most ``now`` (Data 2.4.7); ``StatementError`` without a time zone."""
    if at.utcoffset() is None:
        raise StatementError("timestamp", "has no time zone")
    earlier = min(at, now).astimezone(UTC)
    return earlier.replace(microsecond=earlier.microsecond // 1000 * 1000)


def _record(context: StatementContext, at: datetime) -> dict[str, Any] | None:
    """Return the Track record of a milestone; None for passed, failed and retracted, which Track cannot express.

    Formats as on Percipio's tracking page: whole percent, whole seconds (omitted if unknown), UTC without fractions.
    """
    milestone = context.milestone
    status = TRACK_STATUS.get(milestone.kind)
    if status is None:
        return None
    if not context.content_id:
        raise StatementError("content_id", "is empty")
    percentages = {Kind.PROGRESSED: milestone.percent or 0, Kind.COMPLETED: 100}
    record: dict[str, Any] = {
        "content_id": context.content_id,
        "user": context.identity.scalar,
        "status": status,
        "event_date": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "completion_percentage": percentages.get(milestone.kind, 0),
    }
    seconds = known_seconds(milestone.seconds)
    if seconds is not None:
        record["duration_spent"] = seconds
    return record


def _event(context: StatementContext, at: datetime) -> dict[str, Any]:
    """Return the event that is transformed in this process, complete, so that no transformer queries the database."""
    milestone = context.milestone
    return {
        "name": event_name(milestone.kind),
        "timestamp": at,
        "context": {
            "course_id": context.course.key,
            "org_id": context.course.org,
            "registration": context.registration,
            "platform": plain(context.platform, LONGEST_PLATFORM),
        },
        "data": {
            "statement_id": ids.statement_id(context.registration, milestone.kind, milestone.value),
            "learner": learner(context.identity),
            "activity_id": context.activity_id,
            "course": course_facts(context.course, context.lms_root),
            "result": _own_result(milestone),
            "score": _scaled(milestone),
            "seconds": known_seconds(milestone.seconds),
            "retracts": _retracted_id(context),
        },
    }


def known_seconds(seconds: int | None) -> int | None:
    """Return the time on task, or None if unknown or impossible (negative, above a hundred years)."""
    return seconds if seconds is not None and 0 <= seconds <= MOST_SECONDS else None


def _own_result(milestone: Milestone) -> dict[str, Any] | None:
    """Return the milestone's own result, if any; progress is cmi5's extension, never a score (Data 2.4.5.1)."""
    match milestone.kind:
        case Kind.PROGRESSED:
            if milestone.percent is None or not 0 <= milestone.percent <= 100:
                raise StatementError("result.extensions.progress", "is not a whole percentage from 0 to 100")
            return {"extensions": {EXTENSION_PROGRESS: milestone.percent}}
        case Kind.PASSED:
            return {"success": True}
        case Kind.FAILED:
            return {"success": False}
        case Kind.COMPLETED:
            known = {} if milestone.success is None else {"success": milestone.success}
            return {"completion": True, **known}
    return None


def _scaled(milestone: Milestone) -> float | None:
    """Return the score, 0 to 1 in four places; weights above 100 % in all give 1."""
    if milestone.score is None or milestone.kind not in (Kind.PASSED, Kind.FAILED, Kind.COMPLETED):
        return None
    if not math.isfinite(milestone.score):
        raise StatementError("result.score.scaled", "is not a number")
    return round(min(max(milestone.score, 0.0), 1.0), 4)


def _retracted_id(context: StatementContext) -> UUID | None:
    """Return the id of the statement to retract. Retractions cannot be voided (Data 2.3.2)."""
    milestone = context.milestone
    if milestone.kind is not Kind.RETRACTED:
        return None
    if milestone.retracts in (None, Kind.RETRACTED, Kind.PROGRESSED):
        raise StatementError("object.id", "a retraction needs one earlier statement that it takes back")
    return target_of(context.registration, milestone)


def target_of(registration: UUID, milestone: Milestone) -> UUID:
    """Return the id of the statement that a retraction takes back."""
    kind = milestone.retracts or milestone.kind
    target = Milestone(kind=kind, at=milestone.at, round=milestone.round, anew=milestone.anew)
    return ids.statement_id(registration, target.kind, target.value)


def milestone_of(kind: str, value: str, at: datetime, body: bytes, track: bytes | None = None) -> Milestone:
    """Return the milestone of a frozen statement and its Track record, the inverse of ``build``.

    Raises ``StatementError`` if it has none.
    """
    try:
        found = Kind(kind)
        parts = value.split(":") if value else []
        percent = int(parts.pop(0)) if found is Kind.PROGRESSED else None
        retracts = Kind(parts.pop(0)) if found is Kind.RETRACTED else None
        anew = anew_of(parts.pop()) if parts and parts[-1].startswith(ANEW) else 0
        rounds = int(parts.pop(0).removeprefix(ROUND)) if parts else 0
    except (ValueError, IndexError):
        raise StatementError("value", "is none of a milestone") from None
    result: dict[str, Any] = json.loads(body).get("result", {})
    seconds = result.get("duration") and int(isodate.parse_duration(result["duration"]).total_seconds())
    if seconds is None and track is not None:
        # A filter step may have left it out of the statement alone.
        seconds = json.loads(track).get("duration_spent")
    score = result.get("score", {}).get("scaled")
    return Milestone(
        kind=found,
        at=at,
        percent=percent,
        score=None if score is None else float(score),
        success=result.get("success"),
        seconds=seconds,
        round=rounds,
        retracts=retracts,
        anew=anew,
    )


def anew_of(value: str) -> int:
    """Return which time everything is reported (``data.Reported.anew``), from a milestone's value."""
    last = value.rpartition(":")[2]
    return int(last.removeprefix(ANEW)) if last.startswith(ANEW) else 0
