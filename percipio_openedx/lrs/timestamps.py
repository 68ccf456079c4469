"""Times as the statement resource reads and writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from django.utils.http import http_date

from percipio_openedx.exceptions import QueryError

# ISO 8601 combined date and time as RFC 3339 profiles it (Data 4.5). "-00" says that the zone is unknown, and is none.
_MOMENT: Final = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})[Tt](?P<time>\d{2}:\d{2}:\d{2})(?:[.,](?P<fraction>\d{1,12}))?"
    r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<hours>[01]\d|2[0-3])(?::?(?P<minutes>[0-5]\d))?)?",
    re.ASCII,
)
# Before the first statement that any LMS can hold here, and within what every database can compare.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
# The honest "consistent through" for those who may see nothing.
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parsed(parameter: str, text: str) -> datetime:
    """The moment that a parameter names, in UTC, cut to microseconds; without a zone it is taken as UTC.

    Raises:
        QueryError: it is no combined date and time.
    """
    if " " in text:
        raise QueryError(parameter, "is not a timestamp; a + in a query has to be written as %2B")
    found = _MOMENT.fullmatch(text)
    if found is None or (found["sign"] == "-" and not int(found["hours"]) and not int(found["minutes"] or 0)):
        raise QueryError(parameter, "is not an ISO 8601 timestamp as 2026-03-01T12:00:00.000Z")
    try:
        plain = datetime.fromisoformat(f"{found['day']}T{found['time']}")
        fraction = timedelta(microseconds=int((found["fraction"] or "0").ljust(6, "0")[:6]))
        return max((plain + fraction).replace(tzinfo=_zone(found)).astimezone(UTC), EARLIEST)
    except (ValueError, OverflowError):
        raise QueryError(parameter, "is not a moment that exists") from None


def _zone(found: re.Match[str]) -> timezone:
    if found["sign"] is None:
        return UTC
    offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    return timezone(-offset if found["sign"] == "-" else offset)


def written(moment: datetime) -> str:
    """A moment with microseconds and ``Z``: ``stored``, and the header X-Experience-API-Consistent-Through."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def in_header(moment: datetime) -> str:
    """A moment as HTTP headers write it, in whole seconds: ``Last-Modified``."""
    return http_date(moment.timestamp())


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - NEVER) // timedelta(microseconds=1)


def from_microseconds(count: int) -> datetime:
    """The moment so many microseconds after the beginning of 1970."""
    return NEVER + timedelta(microseconds=count)
