"""What waits: failed observations, as rows that back off, operators see, and are retried; notices, until deleted.

A notice is deleted once it was observed, or, where no worker comes, once a newer one says the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils import timezone

from percipio_openedx.bulkheads import Boundary, apart, reason_of
from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.models.learner_course import (
    EVERY_COURSE,
    WHOLE_COURSE,
    Notice,
    ObservationFailure,
    Part,
    Reason,
    wait,
)
from percipio_openedx.reporting.findings import Unobserved

logger = logging.getLogger(__name__)

# Rows per query.
PAGE = 2000
# Learners observed under one lease, and rows written or deleted at once.
AT_ONCE = 200
# A notice this old is not about to be taken up by a worker.
LATE = timedelta(hours=1)
# Seconds that a compaction may take, and between two of them in the whole LMS.
COMPACTING = 15.0
COMPACT_EVERY = 600
COMPACTED_KEY = "percipio_openedx:compacted"
# Pairs of learner and course that a compaction remembers: some 60 MB. Older ones are compared with these.
MOST_REMEMBERED = 500_000


# --- who waits -------------------------------------------------------------------------------------------------------


def unhindered(now: datetime) -> QuerySet[Notice]:
    """Return the notices whose course run (or learner, for every course) is not backing off after a failure.

    Keys are passed as values: a join would fail where an operator has converted one of the tables to another character
    set.
    """
    waiting = ObservationFailure.objects.waiting(now).filter(part=Part.OBSERVATION)
    rows = waiting.filter(Q(user_id=WHOLE_COURSE) | Q(course_key=EVERY_COURSE)).values_list("course_key", "user_id")
    courses = [course_key for course_key, user_id in rows if user_id == WHOLE_COURSE]
    learners = [user_id for _, user_id in rows if user_id != WHOLE_COURSE]
    notices = Notice.objects.all()
    if courses:
        notices = notices.exclude(course_key__in=courses)
    if learners:
        notices = notices.exclude(user_id__in=learners, course_key=EVERY_COURSE)
    return notices


def oldest_notice(now: datetime) -> datetime | None:
    """Return when the oldest notice was written that is not backing off."""
    return unhindered(now).order_by("pk").values_list("noticed_at", flat=True).first()


def due_learners(now: datetime) -> Iterator[dict[str, list[int]]]:
    """Yield learners due for a retry by course run, except in course runs that are backing off as a whole."""
    waiting = ObservationFailure.objects.waiting(now).of_courses()
    held = set(waiting.values_list("course_key", "part"))
    rows = ObservationFailure.objects.due(now).of_learners().exclude(course_key=EVERY_COURSE)
    rows = rows.order_by("pk")
    last = 0
    while page := list(rows.filter(pk__gt=last).values_list("pk", "course_key", "user_id", "part")[:PAGE]):
        last = page[-1][0]
        found: dict[str, list[int]] = {}
        for _, course_key, user_id, part in page:
            if held.isdisjoint({(course_key, Part.OBSERVATION.value), (course_key, part)}):
                found.setdefault(course_key, []).append(user_id)
        yield found


def next_retry(began: datetime) -> datetime | None:
    """Return the time of the first retry that a pass which began at ``began`` did not make."""
    later = ObservationFailure.objects.filter(retry_at__gte=began)
    return later.order_by("retry_at").values_list("retry_at", flat=True).first()


def try_now() -> int:
    """Make everything that backs off due in the next pass; return the number of rows."""
    now = timezone.now()
    return ObservationFailure.objects.waiting(now).update(retry_at=now - timedelta(seconds=1))


# --- what became of an observation -----------------------------------------------------------------------------------


class Known:
    """The failures of a course run, and of some of its learners, known when an observation begins. One query."""

    def __init__(self, course_key: str, user_ids: Iterable[int]) -> None:
        self._course_key = course_key
        rows = ObservationFailure.objects.filter(user_id__in=[WHOLE_COURSE, *user_ids], course_key=course_key)
        self._rows = list(rows)

    def progress_waits(self, now: datetime) -> bool:
        """Whether the platform failed to compute progress for the whole course run and is still backing off."""
        return any(row.user_id == WHOLE_COURSE and row.part == Part.PROGRESS and row.waits(now) for row in self._rows)

    def settle(
        self, well: Collection[int], problems: Mapping[int, Unobserved], *, has_progress: bool = False
    ) -> frozenset[int]:
        """Forget the failures of ``well`` learners and record ``problems``; return whose could not be recorded.

        Their notices must stay. ``has_progress``: the platform computed any learner's progress.
        """

        def is_over(row: ObservationFailure) -> bool:
            if row.user_id == WHOLE_COURSE:
                return row.part == Part.PROGRESS and has_progress
            problem = problems.get(row.user_id)
            return row.user_id in well or (problem is not None and problem.part != row.part)

        _forget([row for row in self._rows if is_over(row)])
        unkept: frozenset[int] = frozenset()
        for part in Part:
            reasons = {user_id: one.reason for user_id, one in problems.items() if one.part is part}
            of_course = [one.reason for one in problems.values() if one.part is part and one.is_courses]
            if of_course and not has_progress:
                reasons[WHOLE_COURSE] = of_course[0]
            unkept |= note(self._course_key, reasons, part)
        return unkept


def note_course(course_key: str, reason: str) -> None:
    note(course_key, {WHOLE_COURSE: reason})


def note(course_key: str, reasons: Mapping[int, str], part: Part = Part.OBSERVATION) -> frozenset[int]:
    """Count a failure for each of these learners (``WHOLE_COURSE`` for the course run itself).

    A row that is backing off is not counted again: of parallel runs one counts, and an operator's command does not
    lengthen the backoff. Returns the learners whose failure could not be recorded.
    """
    if not reasons:
        return frozenset()
    user_id, reason = next(iter(reasons.items()))
    logger.warning(
        "not observed course=%s user=%s part=%s problem=%s learners=%s",
        course_key,
        user_id or "-",
        part,
        reason,
        sum(one != WHOLE_COURSE for one in reasons),
    )
    _, unkept = apart(Boundary.ROW, list(reasons), lambda ids: _note(course_key, ids, reasons, part))
    for user_id, error in unkept.items():
        logger.error("failure not kept course=%s user=%s error=%s", course_key, user_id or "-", reason_of(error))
    return frozenset(unkept)


@persistently
def _note(course_key: str, user_ids: Collection[int], reasons: Mapping[int, str], part: Part) -> None:
    now = timezone.now()
    rows = ObservationFailure.objects.filter(user_id__in=user_ids, course_key=course_key, part=part)
    before = {row.user_id: row for row in rows}
    for row in before.values():
        row.count(reasons[row.user_id], now)
    ObservationFailure.objects.bulk_update(before.values(), ["failures", "reason", "failed_at", "retry_at"])
    times = {"failing_since": now, "failed_at": now, "retry_at": now + wait(1)}
    new = (
        ObservationFailure(course_key=course_key, user_id=user_id, part=part, reason=reasons[user_id], **times)
        for user_id in user_ids
        if user_id not in before
    )
    ObservationFailure.objects.bulk_create(new, ignore_conflicts=True)


def course_is_well(course_key: str) -> None:
    """Forget the failure of a course run that was observed, or no longer has to be."""
    _forget(ObservationFailure.objects.of_courses().filter(course_key=course_key, part=Part.OBSERVATION))


def forget_course(course_key: str) -> None:
    _forget(ObservationFailure.objects.filter(course_key=course_key))


def tidy(now: datetime) -> None:
    """Forget a course run's progress failure when no learner waits for it any more."""
    for row in ObservationFailure.objects.due(now).of_courses().filter(part=Part.PROGRESS):
        learners = ObservationFailure.objects.of_learners().filter(course_key=row.course_key, part=Part.PROGRESS)
        if not learners.exists():
            _forget([row])


@persistently
def _forget(rows: Iterable[ObservationFailure]) -> None:
    """Delete the rows that have not failed again meanwhile: those belong to a later observation."""
    alike: dict[datetime, list[int]] = {}
    for row in rows:
        alike.setdefault(row.failed_at, []).append(row.pk)
    for failed_at, pks in alike.items():
        with without_gap_locks():
            ObservationFailure.objects.filter(pk__in=pks, failed_at=failed_at).delete()


# --- notices that are done with --------------------------------------------------------------------------------------


def delete(pks: Sequence[int]) -> int:
    """Delete notices and return how many there were; in short DELETEs, since their locks hold up new rows."""
    return sum(_delete(pks[start : start + AT_ONCE]) for start in range(0, len(pks), AT_ONCE))


@persistently
def _delete(pks: Sequence[int]) -> int:
    with without_gap_locks():
        return Notice.objects.filter(pk__in=pks).delete()[0]


def compact_late(now: datetime) -> int:
    """Compact old notices for some seconds, unless the LMS did so recently; return the number deleted.

    They grow old without a worker, and while their site is misconfigured or their course run backs off.
    """
    waits_since = Notice.objects.order_by("pk").values_list("noticed_at", flat=True).first()
    if waits_since is None or waits_since > now - LATE or not cache.add(COMPACTED_KEY, 1, timeout=COMPACT_EVERY):
        return 0
    return compact(now - LATE, time.monotonic() + COMPACTING)


def compact(before: datetime, deadline: float) -> int:
    """Delete notices written ``before`` that a newer one of the same learner and course repeats; return how many.

    So a learner with many notices is one row of work, even after weeks without a worker. The newest stays: an
    observation that began before it was written has not seen what it is about. Stops at ``deadline``
    (``time.monotonic()``).
    """
    keys: dict[str, str] = {}
    seen: set[tuple[int, str, bool]] = set()
    gone = 0
    rows = Notice.objects.order_by("-pk").values_list("pk", "user_id", "course_key", "reason", "noticed_at")
    page = list(rows[:PAGE])
    while page:
        said_again = []
        for pk, user_id, course_key, reason, noticed_at in page:
            if noticed_at >= before:
                continue
            # A retirement must not be taken for another notice. ``keys`` holds one text for each course run.
            pair = (user_id, keys.setdefault(course_key, course_key), reason == Reason.RETIREMENT)
            if pair in seen:
                said_again.append(pk)
            elif len(seen) < MOST_REMEMBERED:
                seen.add(pair)
        gone += delete(said_again)
        if time.monotonic() >= deadline:
            break
        page = list(rows.filter(pk__lt=page[-1][0])[:PAGE])
    return gone
