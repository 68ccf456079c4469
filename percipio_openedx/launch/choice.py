"""Which of the runs of one course a learner goes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from percipio_openedx.data import CourseRun

_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)


class Standing(StrEnum):
    """Whether a run can be joined at a moment, going by its dates alone."""

    OPEN = "open"
    UPCOMING = "upcoming"
    CLOSED = "closed"


def is_over(run: CourseRun, now: datetime) -> bool:
    return run.end is not None and run.end <= now


def standing(run: CourseRun, now: datetime) -> Standing:
    """Return whether a run can be joined. One that has ended is closed, though the platform lets learners enroll."""
    if is_over(run, now) or (run.enrollment_end is not None and run.enrollment_end <= now):
        return Standing.CLOSED
    return Standing.UPCOMING if (run.enrollment_start or _EVER) > now else Standing.OPEN


def own_run(runs: Iterable[CourseRun], now: datetime) -> CourseRun | None:
    """Return where a learner goes who is enrolled in these runs: the newest that goes on now, else the newest."""

    def rank(run: CourseRun) -> tuple[bool, datetime, str]:
        start = run.start or _EVER
        return start <= now and not is_over(run, now), start, run.key

    return max(runs, key=rank, default=None)


def in_order(runs: Iterable[CourseRun], now: datetime) -> list[CourseRun]:
    """Return runs, the best to join first.

    Those that can be joined now: what has begun, the newest first, then what begins later, the soonest first. Then the
    next to open; then the others, the latest first.
    """
    return sorted(runs, key=lambda run: _rank(run, now))


def _rank(run: CourseRun, now: datetime) -> tuple[int, float, str]:
    # A run without a start has begun (``has_started`` of ``course_metadata_utils``).
    start, how = run.start or _EVER, standing(run, now)
    if how is Standing.OPEN:
        return (0, -_seconds(start), run.key) if start <= now else (1, _seconds(start), run.key)
    if how is Standing.UPCOMING:
        return 2, _seconds(run.enrollment_start or _EVER), run.key
    return 3, -_seconds(start), run.key


def _seconds(moment: datetime) -> float:
    return (moment - _EVER).total_seconds()
