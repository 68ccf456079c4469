"""From the due notices to observations: by course run, each in a bulkhead; what was observed is deleted.

Notices are read without a lock and deleted by primary key, so that no learner's INSERT waits.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, is_outage, reason_of
from percipio_openedx.db import persistently
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.learner_course import EVERY_COURSE, LearnerCourse, Notice, ObservationFailure, Part, Reason
from percipio_openedx.reporting import failures, retirement
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.failures import AT_ONCE, PAGE
from percipio_openedx.reporting.findings import Unobserved
from percipio_openedx.reporting.milestones import LONGEST_WAIT
from percipio_openedx.reporting.observe import observe

logger = logging.getLogger(__name__)

# A notice further in the future than clock skew explains was written with a wrong clock: it is due.
MOST_AHEAD = timedelta(minutes=15)
# Wait before the next pass if something could not be observed.
AFTER_PROBLEM = timedelta(seconds=60)


@dataclass(slots=True)
class ReportSummary:
    """The result of one pass over the notices.

    ``next_at`` is when the next pass is due, None if nothing waits. ``broken`` is why the rechecks failed, else ``''``;
    the notices were taken up all the same.
    """

    observed: int = 0
    statements: int = 0
    held: int = 0
    next_at: datetime | None = None
    has_problem: bool = False
    broken: str = ""


class DueNotice(NamedTuple):
    """What is read of a notice: thousands at once, so no rows of the model."""

    pk: int
    user_id: int
    course_key: str
    reason: str
    noticed_at: datetime


@dataclass(slots=True)
class Group:
    """The due notices of one course run, by learner; ``again`` are learners due for a retry without a notice."""

    notices: dict[int, list[DueNotice]] = field(default_factory=dict)
    again: frozenset[int] = frozenset()

    def keys_of(self, user_ids: Iterable[int]) -> list[int]:
        return [notice.pk for user_id in user_ids for notice in self.notices.get(user_id, ())]


def report_due(deadline: float | None = None) -> ReportSummary:
    """Observe every learner and course run with a due notice or retry, until ``deadline`` (``time.monotonic()``)."""
    summary, courses = ReportSummary(), CourseBook()
    began = timezone.now()
    for name, act in (("those whose time has come", notice_rechecks), ("compacting notices", failures.compact_late)):
        with bulkhead(Boundary.STEP) as contained:
            act(began)
        if contained.error is not None:
            summary.has_problem = True
            summary.broken = summary.broken if is_outage(contained.error) else contained.reason
            logger.error("observing goes on without %s error=%s", name, contained.reason)
    for course_key, group in due_groups(began):
        if not _report_group(course_key, group, courses, summary, deadline):
            summary.next_at = timezone.now()
            return summary
    failures.tidy(began)
    summary.next_at = _next_at(summary, began)
    return summary


def due_groups(now: datetime) -> Iterator[tuple[str, Group]]:
    """Yield due notices by course run, then due retries; in random order, so that parallel runs seldom collide."""
    due_until = now - timedelta(seconds=config.gathering())
    last = 0
    rows = failures.unhindered(now).order_by("pk").values_list(*DueNotice._fields)
    while page := [DueNotice(*row) for row in rows.filter(pk__gt=last)[:PAGE]]:
        last = page[-1].pk
        groups: dict[str, Group] = {}
        for notice in page:
            groups.setdefault(notice.course_key, Group()).notices.setdefault(notice.user_id, []).append(notice)
        for course_key, group in random.sample(list(groups.items()), len(groups)):
            # A newer notice of the same learner goes with the due one: a burst is one observation.
            group.notices = {
                user_id: notices
                for user_id, notices in group.notices.items()
                if min(_believable(notice.noticed_at, now) for notice in notices) <= due_until
            }
            if group.notices:
                yield course_key, group
    for learners in failures.due_learners(now):
        for course_key in random.sample(list(learners), len(learners)):
            yield course_key, Group(again=frozenset(learners[course_key]))
    # Course runs taken up above are no longer due; of the others the course itself is read.
    courses = ObservationFailure.objects.due(now).of_courses().filter(part=Part.OBSERVATION)
    for course_key in list(courses.order_by("pk").values_list("course_key", flat=True)):
        yield course_key, Group()


def _report_group(
    course_key: str, group: Group, courses: CourseBook, summary: ReportSummary, deadline: float | None
) -> bool:
    """Take up one course's notices in a bulkhead; return False if the deadline passed before all were observed."""
    with bulkhead(Boundary.COURSE) as contained:
        if course_key == EVERY_COURSE:
            _report_everywhere(group)
            return True
        return _observe_course(course_key, group, courses, summary, deadline)
    error = contained.error
    summary.has_problem = True
    if error is not None and (isinstance(error, PercipioConfigurationError) or is_outage(error)):
        logger.warning("course not observed course=%s problem=%s", course_key or "-", contained.reason)
    else:
        failures.note_course(course_key, contained.reason)
    return True


def _observe_course(
    course_key: str, group: Group, courses: CourseBook, summary: ReportSummary, deadline: float | None
) -> bool:
    configuration = courses.configuration(course_key)
    if configuration is None:
        failures.delete(group.keys_of(group.notices))
        failures.forget_course(course_key)
        return True
    user_ids = sorted({*group.notices, *group.again})
    # A group without learners is a retry of the course itself: read it.
    starts = range(0, len(user_ids) or 1, AT_ONCE)
    for start in random.sample(starts, len(starts)):
        if deadline is not None and time.monotonic() >= deadline:
            return False
        learners = _still_due(course_key, group, user_ids[start : start + AT_ONCE])
        if user_ids and not learners:
            continue
        course = courses.get(course_key)
        counts = observe(configuration, course_key, course, learners, timezone.now(), deadline)
        failures.delete(group.keys_of(set(learners) - counts.busy - counts.unfinished))
        summary.observed += counts.observed
        summary.statements += counts.statements
        summary.held += counts.held
        summary.has_problem |= bool(counts.busy or counts.problems)
    failures.course_is_well(course_key)
    return True


def _report_everywhere(group: Group) -> None:
    """Erase retiring learners, and notice newly nameable ones where they are held; a bulkhead around each learner.

    Neither waits for the other. Raises the database's failure, after both: then no learner is blamed.
    """
    retiring = [one for one, rows in group.notices.items() if any(row.reason == Reason.RETIREMENT for row in rows)]
    nameable = [one for one in group.notices if one not in retiring]
    done: set[int] = set()
    broken: dict[int, Exception] = {}
    outage: Exception | None = None
    for act, user_ids in ((_erase, retiring), (_notice_again, nameable)):
        with bulkhead(Boundary.LEARNER) as contained:
            _, alone = apart(Boundary.LEARNER, user_ids, partial(act, group))
            broken |= alone
            done.update(set(user_ids) - set(alone))
        if contained.error is not None and is_outage(contained.error):
            outage = contained.error
        elif contained.error is not None:
            broken |= dict.fromkeys(user_ids, contained.error)
    problems = {user_id: Unobserved(reason_of(error)) for user_id, error in broken.items()}
    failures.Known(EVERY_COURSE, [*done, *broken]).settle(done, problems)
    failures.course_is_well(EVERY_COURSE)
    if outage is not None:
        raise outage


def _erase(group: Group, user_ids: Sequence[int]) -> None:
    for user_id in user_ids:
        retirement.erase(user_id)
        failures.delete(group.keys_of([user_id]))


def _notice_again(group: Group, user_ids: Sequence[int]) -> None:
    held = LearnerCourse.objects.filter(user_id__in=user_ids).exclude(hold_reason="")
    latest = {user_id: group.notices[user_id][-1] for user_id in user_ids}
    Notice.objects.bulk_create(
        Notice(
            user_id=user_id,
            course_key=course_key,
            reason=latest[user_id].reason,
            noticed_at=latest[user_id].noticed_at,
        )
        for user_id, course_key in held.values_list("user_id", "course_key")
    )
    failures.delete(group.keys_of(user_ids))


def _still_due(course_key: str, group: Group, user_ids: Sequence[int]) -> list[int]:
    """Return the learners that no parallel run has observed since this one read the page."""
    there = set(Notice.objects.filter(pk__in=group.keys_of(user_ids)).values_list("pk", flat=True))
    due = {user_id for user_id in user_ids if not there.isdisjoint(group.keys_of([user_id]))}
    if again := group.again.intersection(user_ids):
        rows = ObservationFailure.objects.due(timezone.now()).filter(user_id__in=again, course_key=course_key)
        due.update(rows.values_list("user_id", flat=True))
    return [user_id for user_id in user_ids if user_id in due]


def notice_rechecks(now: datetime) -> None:
    """Write notices for due or implausible ``observe_again_at``: no signal announces a course's own dates."""
    is_due = Q(observe_again_at__lte=now) | Q(observe_again_at__gt=now + LONGEST_WAIT)
    noticed_at = now - timedelta(seconds=config.gathering())
    due = LearnerCourse.objects.filter(is_due).values_list("pk", "user_id", "course_key")
    while rows := list(due[:AT_ONCE]):
        Notice.objects.bulk_create(
            Notice(user_id=user_id, course_key=key, reason=Reason.COURSE_DATE, noticed_at=noticed_at)
            for _, user_id, key in rows
        )
        # Only now: a worker killed in between leaves duplicate notices, and omits nobody.
        noticed = LearnerCourse.objects.filter(is_due, pk__in=[pk for pk, _, _ in rows])
        persistently(noticed.update)(observe_again_at=None)


def _next_at(summary: ReportSummary, began: datetime) -> datetime | None:
    now = timezone.now()
    if summary.has_problem:
        return now + AFTER_PROBLEM
    oldest = failures.oldest_notice(now)
    noticed = None if oldest is None else _believable(oldest, now) + timedelta(seconds=config.gathering())
    rechecks = LearnerCourse.objects.filter(observe_again_at__isnull=False).order_by("observe_again_at")
    times = (noticed, failures.next_retry(began), rechecks.values_list("observe_again_at", flat=True).first())
    return min((at for at in times if at is not None), default=None)


def _believable(noticed_at: datetime, now: datetime) -> datetime:
    """Return when a notice was written; one from a wrong clock counts as a day old."""
    return noticed_at if noticed_at <= now + MOST_AHEAD else now - timedelta(days=1)
