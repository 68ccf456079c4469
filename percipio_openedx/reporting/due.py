"""Taking up the notices whose time has come: grouped, looked at course by course, and deleted.

The bulkhead around one course run stands here.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, bulkhead, is_outage
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.notice import EVERY_COURSE, Notice
from percipio_openedx.reporting import compaction, failures, groups, recheck
from percipio_openedx.reporting.courses import CourseBook
from percipio_openedx.reporting.groups import Group
from percipio_openedx.reporting.observe import observe

logger = logging.getLogger(__name__)

# Notices read at once.
PAGE = 2000

Part = TypeVar("Part")

# Seconds that a pass may use to compact what has been waiting since long before.
COMPACTING = 15.0

# Seconds until the next pass after one in which something could not be looked at.
AFTER_TROUBLE = 60
# A notice from further ahead than the clocks of two servers differ was written by a clock that was wrong: it is due.
MOST_AHEAD = timedelta(minutes=15)


@dataclass(slots=True)
class PassCounts:
    """How one pass over the notices went. ``next_at`` is when another is worth making, None if nothing waits.

    ``broken`` is why something about all notices could not be done, ``''`` if it was; the notices were taken up.
    """

    observed: int = 0
    statements: int = 0
    held: int = 0
    next_at: datetime | None = None
    has_problem: bool = False
    broken: str = ""


@dataclass(slots=True)
class _Pass:
    """What one pass has read so far, and how it goes. ``failing`` are the course runs with failures at its start."""

    deadline: float | None
    failing: frozenset[str]
    reported: PassCounts
    began: datetime = field(default_factory=timezone.now)
    courses: CourseBook = field(default_factory=CourseBook)
    sites: dict[str, Configuration | None] = field(default_factory=dict)

    def is_over(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline


def report_due(deadline: float | None = None) -> PassCounts:
    """Look at every learner and course of which a notice is due, or that failed and is to be tried again.

    Arguments:
        deadline: ``time.monotonic()`` at which to stop, but for the answer that is waited for; None for no limit.
    """
    reported = PassCounts()
    _prepare(reported)
    work = _Pass(deadline, failures.failing_courses(), reported)
    for course_key, group in _groups(work.began):
        if course_key == EVERY_COURSE:
            reported.has_problem |= not groups.every_course(group, work.failing)
        elif not _report_course(course_key, group, work):
            reported.next_at = timezone.now()
            return reported
    failures.tidy(work.began)
    reported.next_at = _next_at(work)
    return reported


def _prepare(reported: PassCounts) -> None:
    """Notice those whose time has come, and compact what has waited for long.

    A bulkhead around each: the notices that are there are taken up, whatever becomes of these two.
    """
    for name, act in (
        ("notices of those whose time has come", lambda: recheck.notice_due(timezone.now())),
        ("compacting notices", lambda: compaction.compact_late(COMPACTING)),
    ):
        with bulkhead(Boundary.STEP) as contained:
            act()
        if contained.error is None:
            continue
        reported.has_problem = True
        logger.error("observing goes on without %s error=%s", name, contained.reason)
        if not is_outage(contained.error):
            reported.broken = contained.reason


def _groups(now: datetime) -> Iterator[tuple[str, Group]]:
    """By course run: those with notices, then learners and whole course runs that failed before and are due again."""
    for page in _pages(now):
        yield from _shuffled(_grouped(page).items())
    for learners in failures.due_learners(now):
        yield from _shuffled((key, Group(again=frozenset(user_ids))) for key, user_ids in learners.items())
    # Whose notices were taken up above is due no more; for the others the course itself is read.
    yield from ((course_key, Group()) for course_key in failures.due_courses(now))


def _pages(now: datetime) -> Iterator[list[Notice]]:
    """Due notices, oldest id first, read without a lock so that no learner's INSERT ever waits for this."""
    due_until = now - timedelta(seconds=config.gathering())
    last = 0
    while True:
        page = list(failures.unhindered(now).filter(pk__gt=last).order_by("pk")[:PAGE])
        if not page:
            return
        last = page[-1].pk
        oldest: dict[tuple[int, str], datetime] = {}
        for notice in page:
            pair = (notice.user_id, notice.course_key)
            noticed_at = _believable(notice.noticed_at, now)
            oldest[pair] = min(noticed_at, oldest.get(pair, noticed_at))
        # A younger notice of the same learner and course goes with the one that is due: a burst is one look.
        due = [notice for notice in page if oldest[notice.user_id, notice.course_key] <= due_until]
        if due:
            yield due


def _grouped(page: Sequence[Notice]) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for notice in page:
        found.setdefault(notice.course_key, Group()).add(notice)
    return found


def _report_course(course_key: str, group: Group, work: _Pass) -> bool:
    """Look at one course's learners; False when the time is up before all were.

    The bulkhead around a course run: what cannot be read waits with its notices, and the next course has its turn.
    """
    is_done = True
    with bulkhead(Boundary.COURSE) as contained:
        is_done = _observe_course(course_key, group, work)
    error = contained.error
    if error is None:
        return is_done
    work.reported.has_problem = True
    if isinstance(error, PercipioConfigurationError) or is_outage(error):
        logger.warning("course not looked at course=%s problem=%s", course_key, contained.reason)
    else:
        failures.note_course(course_key, contained.reason)
    return is_done


def _observe_course(course_key: str, group: Group, work: _Pass) -> bool:
    configuration = _configuration(course_key, work.sites)
    if configuration is None:
        groups.delete(group, group.notices)
        if course_key in work.failing:
            failures.forget_course(course_key)
        return True
    user_ids = group.user_ids
    if not user_ids:
        if work.is_over():
            return False
        work.courses.get(course_key)
    for batch in _shuffled(groups.batches(user_ids)):
        if work.is_over():
            return False
        learners = groups.still_due(course_key, group, batch)
        if not learners:
            continue
        course = work.courses.get(course_key)
        counts = observe(configuration, course_key, course, learners, timezone.now(), work.deadline)
        groups.delete(group, set(learners) - counts.busy - counts.unfinished)
        work.reported.observed += counts.observed
        work.reported.statements += counts.statements
        work.reported.held += counts.held
        work.reported.has_problem |= bool(counts.busy or counts.problems)
    if course_key in work.failing:
        failures.course_is_well(course_key)
    return True


def _configuration(course_key: str, sites: dict[str, Configuration | None]) -> Configuration | None:
    org = edx_platform.org_of(course_key)
    if org not in sites:
        sites[org] = config.for_site(config.site_id_for(org))
    return sites[org]


def _shuffled(parts: Iterable[Part]) -> list[Part]:
    """Runs beside each other read the same pages. Each goes its own way through them, so that they seldom meet."""
    found = list(parts)
    random.shuffle(found)
    return found


def _next_at(work: _Pass) -> datetime | None:
    now = timezone.now()
    if work.reported.has_problem:
        return now + timedelta(seconds=AFTER_TROUBLE)
    oldest = failures.oldest_notice(now)
    noticed = None if oldest is None else _believable(oldest, now) + timedelta(seconds=config.gathering())
    times = (noticed, failures.next_retry(work.began), recheck.next_at())
    return min((at for at in times if at is not None), default=None)


def _believable(noticed_at: datetime, now: datetime) -> datetime:
    """When it was written. A time in the future is that of a clock that was wrong: it has waited long enough."""
    return noticed_at if noticed_at <= now + MOST_AHEAD else now - timedelta(days=1)
