"""Which of the runs of one course a learner goes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from percipio_openedx.data import CourseRun

_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Standing(StrEnum):
    """Whether a run can be joined at a moment, going by its dates alone."""

    OPEN = "open"
    UPCOMING = "upcoming"
    CLOSED = "closed"


def standing(run: CourseRun, now: datetime) -> Standing:
    """Return whether a run can be joined. One that has ended is closed, though the platform lets learners enroll."""
    if (run.end or _NEVER) <= now or (run.enrollment_end or _NEVER) <= now:
        return Standing.CLOSED
    return Standing.UPCOMING if (run.enrollment_start or _LONG_AGO) > now else Standing.OPEN


def own_run(runs: Iterable[CourseRun], now: datetime) -> CourseRun | None:
    """Return where a learner goes who is enrolled in these runs: the newest that goes on now, else the newest."""
    return max(runs, key=lambda run: (_goes_on(run, now), run.start or _LONG_AGO, run.key), default=None)


def in_order(runs: Iterable[CourseRun], now: datetime) -> list[CourseRun]:
    """Return runs, the best to join first.

    Those that can be joined now (begun before not begun, the newest first), then the next to open, then the latest.
    """
    by = {which: [run for run in runs if standing(run, now) is which] for which in Standing}
    by[Standing.OPEN].sort(key=lambda run: (_goes_on(run, now), run.start or _LONG_AGO, run.key), reverse=True)
    by[Standing.UPCOMING].sort(key=lambda run: (run.enrollment_start or _NEVER, run.key))
    by[Standing.CLOSED].sort(key=lambda run: (run.start or _LONG_AGO, run.key), reverse=True)
    return [*by[Standing.OPEN], *by[Standing.UPCOMING], *by[Standing.CLOSED]]


def _goes_on(run: CourseRun, now: datetime) -> bool:
    return (run.start or _LONG_AGO) <= now < (run.end or _NEVER)
