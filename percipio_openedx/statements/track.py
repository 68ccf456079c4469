"""Track records: the same milestones for sites that use Percipio's Track API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from percipio_openedx.codes import Kind
from percipio_openedx.data import Telling
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import timing
from percipio_openedx.statements.size import frozen
from percipio_openedx.statements.vocabulary import TRACK_STATUS


def record_of(telling: Telling, at: datetime) -> bytes | None:
    """The Track record of a milestone; None for passed and retracted, for which Track has no form.

    The fields and their formats are those of Percipio's tracking page: whole percent, whole seconds (left out
    where unknown), UTC without fractions. The organization is part of the address, not of the record.

    Arguments:
        telling: the milestone with all that is known around it.
        at: when it happened, see ``timing.moment``.

    Raises:
        StatementError: the course has no content id, or the learner no name that Track takes.
    """
    milestone = telling.milestone
    status = TRACK_STATUS.get(milestone.kind)
    if status is None:
        return None
    if not telling.content_id:
        raise StatementError("content_id", "is empty")
    if not telling.identity.scalar:
        raise StatementError("user", "is empty")
    record: dict[str, Any] = {
        "content_id": telling.content_id,
        "user": telling.identity.scalar,
        "status": status,
        "event_date": timing.whole_second(at),
        "completion_percentage": _percentage(telling),
    }
    seconds = timing.known_seconds(milestone.seconds)
    if seconds is not None:
        record["duration_spent"] = seconds
    return frozen(record, "record")


def _percentage(telling: Telling) -> int:
    if telling.milestone.kind is Kind.PROGRESSED:
        return telling.milestone.percent or 0
    return 100 if telling.milestone.kind is Kind.COMPLETED else 0
