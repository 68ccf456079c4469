"""The door of this package: a milestone in; frozen bytes and the Track record out.

    context → event → event-routing-backends (transformer, filters) → normalizer → checker → bytes

The same milestone gives the same bytes, whoever builds it and when, as long as it does not lie in the future.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from event_routing_backends.processors.xapi.transformer_processor import XApiProcessor
from eventtracking.processors.exceptions import NoTransformerImplemented
from openedx_filters.exceptions import OpenEdxFilterException

from percipio_openedx.data import BuiltStatement, StatementContext
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import ids
from percipio_openedx.statements.checker import check
from percipio_openedx.statements.event import event_of, known_seconds
from percipio_openedx.statements.normalizer import fitted, frozen, normalize
from percipio_openedx.statements.terms import terms_of
from percipio_openedx.statements.transformers import PercipioRegistry
from percipio_openedx.statements.vocabulary import TRACK_STATUS


class PercipioXApiProcessor(XApiProcessor):  # type: ignore[misc]
    """Transforms with this plugin's registry; routes nothing and logs nothing.

    event-routing-backends writes whole statements to its log (``XAPI_EVENT_LOGGING_ENABLED``) and the errors
    of transformers with their values, which are personal data here. Its switch ``XAPI_EVENTS_ENABLED`` is
    about the site's other LRS; this plugin has its own (``PERCIPIO_ENABLED``).
    """

    registry = PercipioRegistry

    def transform_event(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the statement of an event, as a list of one dictionary, still as the transformer left it.

        Raises:
            StatementError: the transformer or a filter step of the site failed. The message has the kind of
                failure only, for the words of the error may be personal.
        """
        try:
            statement = self.get_transformed_event(event)
        except NoTransformerImplemented as error:
            raise StatementError("verb", "no transformer is registered for this milestone") from error
        except (ValueError, TypeError, AttributeError, LookupError, OpenEdxFilterException) as error:
            raise StatementError("statement", f"could not be transformed ({type(error).__name__})") from None
        return [statement.as_version()]


_processor = PercipioXApiProcessor()


def build(context: StatementContext, *, now: datetime) -> BuiltStatement:
    """Return the statement and the Track record of one milestone.

    Arguments:
        telling: the milestone with learner, course and site.
        now: the present moment, with a time zone; no statement is later than this.

    Raises:
        StatementError: the milestone cannot be expressed; it names the field, never its value.
    """
    at = moment(context.milestone.at, now)
    track = record_of(context, at)
    event = event_of(context, at)
    (transformed,) = _processor.transform_event(event)
    statement = normalize(transformed, at)
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


def moment(at: datetime, now: datetime) -> datetime:
    """Return when something happened, in UTC and milliseconds, never after ``now`` (Data 2.4.7: not in the future).

    Raises:
        StatementError: ``at`` has no time zone.
    """
    if at.utcoffset() is None:
        raise StatementError("timestamp", "has no time zone")
    earlier = min(at, now).astimezone(UTC)
    return earlier.replace(microsecond=earlier.microsecond // 1000 * 1000)


def record_of(context: StatementContext, at: datetime) -> bytes | None:
    """Return the Track record of a milestone; None for passed and retracted, for which Track has no form.

    The fields and their formats are those of Percipio's tracking page: whole percent, whole seconds (left out
    where unknown), UTC without fractions. The organization is part of the address, not of the record.

    Arguments:
        telling: the milestone with all that is known around it.
        at: when it happened, see ``moment``.

    Raises:
        StatementError: the course has no content id, or the learner no name that Track takes.
    """
    milestone = context.milestone
    status = TRACK_STATUS.get(milestone.kind)
    if status is None:
        return None
    if not context.content_id:
        raise StatementError("content_id", "is empty")
    if not context.identity.scalar:
        raise StatementError("user", "is empty")
    record: dict[str, Any] = {
        "content_id": context.content_id,
        "user": context.identity.scalar,
        "status": status,
        "event_date": at.replace(microsecond=0).isoformat().removesuffix("+00:00") + "Z",
        "completion_percentage": _percentage(context),
    }
    seconds = known_seconds(milestone.seconds)
    if seconds is not None:
        record["duration_spent"] = seconds
    return frozen(record, "record")


def _percentage(context: StatementContext) -> int:
    if context.milestone.kind is Kind.PROGRESSED:
        return context.milestone.percent or 0
    return 100 if context.milestone.kind is Kind.COMPLETED else 0
