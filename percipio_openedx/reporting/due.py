"""Taking up the notices whose time has come: grouped, looked at course by course, and deleted."""

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
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.keys import among
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.notice import EVERY_COURSE, Notice, Reason
from percipio_openedx.observation.courses import CourseBook
from percipio_openedx.reporting import compaction, recheck, retirement
from percipio_openedx.reporting.look import look
from percipio_openedx.transactions import persistently, without_gap_locks

logger = logging.getLogger(__name__)

# Notices read at once, and learners of one course looked at under one claim.
PAGE = 2000
AT_ONCE = 200

Part = TypeVar("Part")

# Seconds that a pass may use to compact what has been waiting since long before.
COMPACTING = 15.0

# By so much the clocks of two servers may differ.
SKEW = timedelta(minutes=15)

# Seconds until a course that could not be looked at is tried again.
AFTER_TROUBLE = 60


@dataclass(slots=True)
class Reported:
    """How one pass over the notices went. ``next_at`` is when another is worth making, None if nothing waits."""

    looked: int = 0
    statements: int = 0
    held: int = 0
    next_at: datetime | None = None
    in_trouble: bool = False


@dataclass(slots=True)
class Group:
    """The due notices of one course run: the learners, and the rows to delete when they were looked at."""

    notices: dict[int, list[int]] = field(default_factory=dict)

    def add(self, user_id: int, notice_id: int) -> None:
        self.notices.setdefault(user_id, []).append(notice_id)


def report_due(deadline: float | None = None) -> Reported:
    """Look at every learner and course of which a notice is due.

    Arguments:
        deadline: ``time.monotonic()`` at which to stop, but for the answer that is waited for; None for no limit.
    """
    recheck.notice_due(timezone.now())
    reported = Reported()
    compaction.compact_late(COMPACTING)
    courses = CourseBook()
    sites: dict[str, Configuration | None] = {}
    for page in _pages(timezone.now()):
        for course_key, group in _shuffled(_grouped(page).items()):
            if course_key == EVERY_COURSE:
                _every_course(page, group)
                continue
            if not _report_course(course_key, group, courses, sites, reported, deadline):
                reported.next_at = timezone.now()
                return reported
    reported.next_at = _next_at(reported)
    return reported


def _pages(now: datetime) -> Iterator[list[Notice]]:
    """Due notices, oldest id first, read without a lock so that no learner's INSERT ever waits for this."""
    due_until = now - timedelta(seconds=config.gathering())
    last = 0
    while True:
        page = list(Notice.objects.filter(pk__gt=last).order_by("pk")[:PAGE])
        if not page:
            return
        last = page[-1].pk
        oldest: dict[tuple[int, str], datetime] = {}
        for notice in page:
            pair = (notice.user_id, notice.course_key)
            noticed_at = _believable(notice, now)
            oldest[pair] = min(noticed_at, oldest.get(pair, noticed_at))
        # A younger notice of the same learner and course goes with the one that is due: a burst is one look.
        due = [notice for notice in page if oldest[notice.user_id, notice.course_key] <= due_until]
        if due:
            yield due


def _grouped(page: Sequence[Notice]) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for notice in page:
        groups.setdefault(notice.course_key, Group()).add(notice.user_id, notice.pk)
    return groups


def _report_course(
    course_key: str,
    group: Group,
    courses: CourseBook,
    sites: dict[str, Configuration | None],
    reported: Reported,
    deadline: float | None,
) -> bool:
    """Look at one course's learners; False when the time is up before all were."""
    try:
        configuration = _configuration(course_key, sites)
        if configuration is None:
            _delete(group, group.notices)
            return True
        for batch in _shuffled(_batches(sorted(group.notices))):
            if deadline is not None and time.monotonic() >= deadline:
                return False
            user_ids = _still_noticed(group, batch)
            if not user_ids:
                continue
            course = courses.get(course_key)
            looked = look(configuration, course_key, course, user_ids, timezone.now(), deadline)
            _delete(group, set(user_ids) - looked.busy - looked.unfinished)
            reported.looked += looked.looked
            reported.statements += looked.statements
            reported.held += looked.held
            reported.in_trouble |= bool(looked.busy)
    except (PlatformUnavailable, PercipioConfigurationError) as error:
        reported.in_trouble = True
        logger.warning("course not looked at course=%s problem=%s", course_key, error)
    return True


def _configuration(course_key: str, sites: dict[str, Configuration | None]) -> Configuration | None:
    org = edx_platform.org_of(course_key)
    if org not in sites:
        sites[org] = config.for_site(config.site_id_for(org))
    return sites[org]


def _every_course(page: Sequence[Notice], group: Group) -> None:
    """A learner retires, or became nameable: the first is erased, the second's waiting courses are noticed anew."""
    for notice in page:
        if notice.course_key != EVERY_COURSE:
            continue
        if notice.reason == Reason.RETIREMENT:
            retirement.erase(notice.user_id)
        else:
            held = LearnerCourse.objects.filter(user_id=notice.user_id).exclude(hold_reason="")
            Notice.objects.bulk_create(
                Notice(
                    user_id=notice.user_id,
                    course_key=row.course_key,
                    reason=notice.reason,
                    noticed_at=notice.noticed_at,
                )
                for row in held
            )
    _delete(group, group.notices)


def _still_noticed(group: Group, user_ids: Sequence[int]) -> list[int]:
    """Those whose notices are there yet: a run beside this one, which has read the same page, was not quicker."""
    pks = [pk for user_id in user_ids for pk in group.notices[user_id]]
    there = set(Notice.objects.filter(among("pk", pks)).values_list("pk", flat=True))
    return [user_id for user_id in user_ids if not there.isdisjoint(group.notices[user_id])]


def _delete(group: Group, user_ids: Iterable[int]) -> None:
    """Each DELETE by primary key, alone and short: a lock on what is gone would hold up new rows after it."""
    for pks in _batches([pk for user_id in user_ids for pk in group.notices[user_id]]):
        _delete_notices(pks)


@persistently
def _delete_notices(pks: Sequence[int]) -> None:
    with without_gap_locks():
        Notice.objects.filter(among("pk", pks)).delete()


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _shuffled(parts: Iterable[Part]) -> list[Part]:
    """Runs beside each other read the same pages. Each goes its own way through them, so that they seldom meet."""
    found = list(parts)
    random.shuffle(found)
    return found


def _next_at(reported: Reported) -> datetime | None:
    if reported.in_trouble:
        return timezone.now() + timedelta(seconds=AFTER_TROUBLE)
    times = [recheck.next_at()]
    oldest = Notice.objects.order_by("pk").first()
    if oldest is not None:
        times.append(_believable(oldest, timezone.now()) + timedelta(seconds=config.gathering()))
    return min((at for at in times if at is not None), default=None)


def _believable(notice: Notice, now: datetime) -> datetime:
    """When it was written. A time in the future is that of a clock that was wrong: it has waited long enough."""
    return notice.noticed_at if notice.noticed_at <= now + SKEW else now - timedelta(days=1)
