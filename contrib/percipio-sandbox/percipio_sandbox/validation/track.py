"""Records of the Track API: the six fields of Skillsoft's page "Tracking Content and Learning Activity"."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from percipio_sandbox.validation.shapes import Shape, check_text, describe, is_whole, passing
from percipio_sandbox.validation.statements import CLOCK_SKEW

STATUSES = ("started", "in_progress", "completed")

_EVENT_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


def parse_event_date(value: Any) -> datetime | None:
    """Return the moment that an event date names (UTC with `Z`, without fractions), or None."""
    if not isinstance(value, str) or _EVENT_DATE.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


_check_status = passing(lambda value: value in STATUSES, f"one of {', '.join(STATUSES)}")
_check_event_date = passing(
    lambda value: parse_event_date(value) is not None, "a UTC time as 2024-05-13T14:25:00Z, without fractions"
)
_check_percentage = passing(lambda value: is_whole(value) and 0 <= value <= 100, "a whole number from 0 to 100")
_check_seconds = passing(lambda value: is_whole(value) and value >= 0, "a whole number of seconds, not negative")

_record_shape = Shape(
    {
        "content_id": check_text,
        "user": check_text,
        "status": _check_status,
        "event_date": _check_event_date,
        "completion_percentage": _check_percentage,
        "duration_spent": _check_seconds,
        # Not on Skillsoft's page, but seen in the payloads of other senders.
        "orgid": check_text,
    },
    required=("content_id", "user", "status", "event_date", "completion_percentage"),
)


def track_problems_of(record: Any, now: datetime, path: str = "record") -> list[str]:
    """Return everything that is wrong with a Track record; `now` is the present time with its zone."""
    problems: list[str] = []
    if not isinstance(record, dict):
        return [f"{path}: must be one object, not {describe(record)}"]
    _record_shape(record, path, problems)
    if record.get("status") == "completed" and record.get("completion_percentage") != 100:
        problems.append(f"{path}.completion_percentage: must be 100 when the status is completed")
    moment = parse_event_date(record.get("event_date"))
    if moment is not None and moment > now + CLOCK_SKEW:
        problems.append(f"{path}.event_date: lies in the future")
    return problems
