"""Moments and durations as they are written: UTC with ``Z``, and ISO 8601 durations in one spelling."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from percipio_openedx.exceptions import StatementError

# A longer time on task, a hundred years, is no time on task.
MOST_SECONDS: Final = 100 * 366 * 24 * 3600

_DURATION: Final = re.compile(
    r"P(?:(\d{1,9})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?"
)


def moment(at: datetime, now: datetime) -> datetime:
    """When something happened, in UTC and whole milliseconds, never after ``now`` (Data 2.4.7: not in the future).

    Raises:
        StatementError: ``at`` has no time zone.
    """
    if at.utcoffset() is None:
        raise StatementError("timestamp", "has no time zone")
    earlier = min(at, now).astimezone(UTC)
    return earlier.replace(microsecond=earlier.microsecond // 1000 * 1000)


def stamp(at: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SS.mmmZ`` of a moment in UTC (Data 4.5: at least milliseconds, with a zone)."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def whole_second(at: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ`` of a moment in UTC, as the Track API wants it."""
    return at.replace(microsecond=0).isoformat().removesuffix("+00:00") + "Z"


def known_seconds(seconds: int | None) -> int | None:
    """Time on task in seconds, or None where it is unknown or impossible (negative, above a hundred years)."""
    return seconds if seconds is not None and 0 <= seconds <= MOST_SECONDS else None


def duration(seconds: int) -> str:
    """Seconds as an ISO 8601 duration: ``PT30M``, ``PT1H2M5S``, ``PT0S``. Hours are not made into days."""
    return _spelt(seconds, "")


def seconds_of(text: str) -> int | None:
    """The whole seconds of a duration as ``duration`` spells it; None for what is none."""
    match = _DURATION.fullmatch(text)
    if match is None or text == "P":
        return None
    days, hours, minutes = (int(group or 0) for group in match.groups()[:3])
    return ((days * 24 + hours) * 60 + minutes) * 60 + int((match[4] or "0").partition(".")[0])


def respelt(text: str) -> str:
    """A duration in the one spelling used here, to 0.01 second; None of its length is changed otherwise.

    Durations are compared as text (Data 2.3.1 with 4.6), so that ``PT30M`` and ``PT30M00S`` would be two
    statements. What this cannot read (years, months, weeks) stays as it is and is the checker's to judge.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text == "P":
        return text
    days, hours, minutes = (int(group or 0) for group in match.groups()[:3])
    whole, _, fraction = (match[4] or "0").partition(".")
    hundredths = fraction[:2].rstrip("0")
    return _spelt(((days * 24 + hours) * 60 + minutes) * 60 + int(whole), hundredths)


def _spelt(seconds: int, fraction: str) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    last = f"{seconds}.{fraction}S" if fraction else f"{seconds}S"
    parts = (
        f"{hours}H" if hours else "",
        f"{minutes}M" if minutes else "",
        last if seconds or fraction or not (hours or minutes) else "",
    )
    return "PT" + "".join(parts)
