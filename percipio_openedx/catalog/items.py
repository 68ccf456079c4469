"""Which course runs are one item of the catalog, and which of them speaks for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from percipio_openedx.catalog.record import NO_WORDING, Wording
from percipio_openedx.data import CourseRun

_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunInCatalog:
    """A course run with its content id, the operator's ``offer``, and whether it is offered in all."""

    run: CourseRun
    content_id: str
    offer: str = ""
    is_offered: bool = False
    wording: Wording = NO_WORDING


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """The offered course runs of one content id, as one item; the first of ``runs`` speaks for it."""

    content_id: str
    runs: tuple[RunInCatalog, ...]


def items(runs: Iterable[RunInCatalog], now: datetime) -> list[CatalogItem]:
    """Return the items of the runs that are offered, by content id; the runs of each in the order of ``in_order``."""
    found: dict[str, list[RunInCatalog]] = {}
    for one in runs:
        if one.is_offered:
            found.setdefault(one.content_id, []).append(one)
    return [CatalogItem(content_id, tuple(in_order(alike, now))) for content_id, alike in sorted(found.items())]


def in_order(runs: Sequence[RunInCatalog], now: datetime) -> list[RunInCatalog]:
    """Return the runs by how well they answer a learner who comes now.

    First those that a learner can join now: what has begun, the newest first, before what begins later, the soonest
    first. Then those whose enrollment opens later, the soonest first; then the others, the latest first.
    """
    return sorted(runs, key=lambda one: _rank(one.run, now))


def can_join(run: CourseRun, now: datetime) -> bool:
    """Whether any learner can enroll now and take the run (``can_enroll`` of ``courseware.access``, and not over)."""
    opened = run.enrollment_start is None or run.enrollment_start <= now
    closed = run.enrollment_end is not None and run.enrollment_end <= now
    return opened and not closed and _is_for_all(run, now)


def opens_at(run: CourseRun, now: datetime) -> datetime | None:
    """Return when the enrollment opens for any learner, None if it is open, or will not open."""
    later = run.enrollment_start is not None and run.enrollment_start > now
    return run.enrollment_start if later and _is_for_all(run, now) else None


def _is_for_all(run: CourseRun, now: datetime) -> bool:
    is_over = run.end is not None and run.end <= now
    return not (is_over or run.is_hidden or run.invitation_only)


def _rank(run: CourseRun, now: datetime) -> tuple[int, float, str]:
    # A run without a start has begun (``has_started`` of ``course_metadata_utils``).
    start = run.start or _EVER
    if can_join(run, now):
        return (0, -_seconds(start), run.key) if start <= now else (1, _seconds(start), run.key)
    if opening := opens_at(run, now):
        return 2, _seconds(opening), run.key
    return 3, -_seconds(start), run.key


def _seconds(moment: datetime) -> float:
    return (moment - _EVER).total_seconds()
