"""Take up the due notices by course run, each in a bulkhead: observe the learners, then delete the notices."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, is_outage, reason_of
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.learner_course import EVERY_COURSE, LearnerCourse, Notice, Reason
from percipio_openedx.reporting import failures, inbox, retirement
from percipio_openedx.reporting.inbox import Group
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.observed_state import CourseBook

logger = logging.getLogger(__name__)

# Seconds that a pass may spend on compacting old notices.
COMPACTING = 15.0
# Wait before the next pass if something could not be observed.
AFTER_PROBLEM = timedelta(seconds=60)


@dataclass(slots=True)
class ReportSummary:
    """The result of one pass over the notices.

    ``next_at`` is when the next pass is due, None if nothing waits. ``broken`` is why a step over all notices failed,
    else ``''``; the notices were taken up all the same.
    """

    observed: int = 0
    statements: int = 0
    held: int = 0
    next_at: datetime | None = None
    has_problem: bool = False
    broken: str = ""


def report_due(deadline: float | None = None) -> ReportSummary:
    """Observe every learner and course run with a due notice or retry, until ``deadline`` (``time.monotonic()``)."""
    summary, courses = ReportSummary(), CourseBook()
    _prepare(summary)
    began = timezone.now()
    for course_key, group in inbox.due_groups(began):
        if course_key == EVERY_COURSE:
            summary.has_problem |= not _report_everywhere(group)
        elif not _report_course(course_key, group, courses, summary, deadline):
            summary.next_at = timezone.now()
            return summary
    failures.tidy(began)
    summary.next_at = _next_at(summary, began)
    return summary


def _prepare(summary: ReportSummary) -> None:
    """Write notices for due rechecks and compact old ones; a failure of either does not stop the pass."""
    for name, act in (
        ("notices of those whose time has come", lambda: inbox.notice_rechecks(timezone.now())),
        ("compacting notices", lambda: inbox.compact_late(COMPACTING)),
    ):
        with bulkhead(Boundary.STEP) as contained:
            act()
        if contained.error is not None:
            summary.has_problem = True
            logger.error("observing goes on without %s error=%s", name, contained.reason)
            if not is_outage(contained.error):
                summary.broken = contained.reason


def _report_course(
    course_key: str, group: Group, courses: CourseBook, summary: ReportSummary, deadline: float | None
) -> bool:
    """Observe one course's learners in a bulkhead; return False if the deadline passed before all were observed."""
    with bulkhead(Boundary.COURSE) as contained:
        return _observe_course(course_key, group, courses, summary, deadline)
    error = contained.error
    summary.has_problem = True
    if error is not None and (isinstance(error, PercipioConfigurationError) or is_outage(error)):
        logger.warning("course not observed course=%s problem=%s", course_key, contained.reason)
    else:
        failures.note_course(course_key, contained.reason)
    return True


def _observe_course(
    course_key: str, group: Group, courses: CourseBook, summary: ReportSummary, deadline: float | None
) -> bool:
    configuration = courses.configuration(course_key)
    if configuration is None:
        inbox.delete(group.keys_of(group.notices))
        failures.forget_course(course_key)
        return True
    user_ids = sorted({*group.notices, *group.again})
    # A group without learners is a retry of the course itself: read it.
    starts = range(0, len(user_ids) or 1, inbox.AT_ONCE)
    for start in random.sample(starts, len(starts)):
        if deadline is not None and time.monotonic() >= deadline:
            return False
        learners = inbox.still_due(course_key, group, user_ids[start : start + inbox.AT_ONCE])
        if user_ids and not learners:
            continue
        course = courses.get(course_key)
        counts = observe(configuration, course_key, course, learners, timezone.now(), deadline)
        inbox.delete(group.keys_of(set(learners) - counts.busy - counts.unfinished))
        summary.observed += counts.observed
        summary.statements += counts.statements
        summary.held += counts.held
        summary.has_problem |= bool(counts.busy or counts.problems)
    failures.course_is_well(course_key)
    return True


def _report_everywhere(group: Group) -> bool:
    """Erase retiring learners, and notice newly nameable ones where they are held; a bulkhead around each learner.

    Returns:
        False if the database failed: then no learner is blamed, and the notices stay.
    """
    retiring = [one for one, rows in group.notices.items() if any(row.reason == Reason.RETIREMENT for row in rows)]
    is_fit = True
    done: set[int] = set()
    broken: dict[int, str] = {}
    for act, user_ids in ((_erase, retiring), (_notice_again, list(group.notices.keys() - set(retiring)))):
        with bulkhead(Boundary.LEARNER) as contained:
            _, alone = apart(Boundary.LEARNER, user_ids, partial(act, group))
            broken |= {user_id: reason_of(error) for user_id, error in alone.items()}
            done.update(set(user_ids) - set(alone))
        if contained.error is not None and is_outage(contained.error):
            is_fit = False
            logger.warning("learners not observed count=%s problem=%s", len(user_ids), contained.reason)
        elif contained.error is not None:
            broken |= dict.fromkeys(user_ids, contained.reason)
    failures.Known(EVERY_COURSE, done).settle(done, {})
    failures.note(EVERY_COURSE, broken)
    return is_fit


def _erase(group: Group, user_ids: Sequence[int]) -> None:
    for user_id in user_ids:
        retirement.erase(user_id)
        inbox.delete(group.keys_of([user_id]))


def _notice_again(group: Group, user_ids: Sequence[int]) -> None:
    held = LearnerCourse.objects.filter(user_id__in=user_ids).exclude(hold_reason="")
    Notice.objects.bulk_create(
        Notice(
            user_id=user_id,
            course_key=course_key,
            reason=group.notices[user_id][-1].reason,
            noticed_at=group.notices[user_id][-1].noticed_at,
        )
        for user_id, course_key in held.values_list("user_id", "course_key")
    )
    inbox.delete(group.keys_of(user_ids))


def _next_at(summary: ReportSummary, began: datetime) -> datetime | None:
    now = timezone.now()
    if summary.has_problem:
        return now + AFTER_PROBLEM
    oldest = failures.oldest_notice(now)
    noticed = None if oldest is None else inbox.believable(oldest, now) + timedelta(seconds=config.gathering())
    times = (noticed, failures.next_retry(began), inbox.next_recheck())
    return min((at for at in times if at is not None), default=None)
