"""The notices: which of them are due, by course run; deleting them; and what keeps them few.

They are read without a lock and deleted by primary key, so that no learner's INSERT ever waits for this.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.models.learner_course import LearnerCourse, ObservationFailure, Part
from percipio_openedx.models.notice import Notice, Reason
from percipio_openedx.reporting import failures
from percipio_openedx.reporting.milestones import LONGEST_WAIT

logger = logging.getLogger(__name__)

# Notices read at once.
PAGE = 2000
# Learners of one course observed under one claim, and rows written or deleted at once.
AT_ONCE = 200
# A notice from further ahead than the clocks of two servers differ was written by a clock that was wrong: it is due.
MOST_AHEAD = timedelta(minutes=15)

# A notice that has waited for so long is none that a worker is about to take up.
LATE = timedelta(hours=1)
# Seconds between two compactions of the whole LMS, and so many times as long as the last one took.
COMPACT_EVERY = 600
COMPACT_REST = 20
# Learners in courses that a compaction remembers: some 60 MB. What lies behind them is compared with these.
MOST_REMEMBERED = 500_000
COMPACTED_KEY = "percipio_openedx:compacted"


@dataclass(slots=True)
class Group:
    """The due notices of one course run, by learner. ``again`` are learners who failed before, and are due without."""

    notices: dict[int, list[Notice]] = field(default_factory=dict)
    again: frozenset[int] = frozenset()

    def keys_of(self, user_ids: Iterable[int]) -> list[int]:
        """Return the primary keys of these learners' notices."""
        return [notice.pk for user_id in user_ids for notice in self.notices.get(user_id, ())]


def due_groups(now: datetime) -> Iterator[tuple[str, Group]]:
    """Yield course runs with their due notices, then learners and whole course runs that failed and are due again.

    By chance within a page: runs beside each other read the same pages, and so seldom meet.
    """
    due_until = now - timedelta(seconds=config.gathering())
    last = 0
    while page := list(failures.unhindered(now).filter(pk__gt=last).order_by("pk")[:PAGE]):
        last = page[-1].pk
        groups: dict[str, Group] = {}
        for notice in page:
            groups.setdefault(notice.course_key, Group()).notices.setdefault(notice.user_id, []).append(notice)
        for course_key, group in random.sample(list(groups.items()), len(groups)):
            # A younger notice of the same learner goes with the one that is due: a burst is one observation.
            group.notices = {
                user_id: notices
                for user_id, notices in group.notices.items()
                if min(believable(notice.noticed_at, now) for notice in notices) <= due_until
            }
            if group.notices:
                yield course_key, group
    for learners in failures.due_learners(now):
        for course_key in random.sample(list(learners), len(learners)):
            yield course_key, Group(again=frozenset(learners[course_key]))
    # A course run whose notices were taken up above is due no more; of the others the course itself is read.
    courses = ObservationFailure.objects.due(now).of_courses().filter(part=Part.OBSERVATION)
    for course_key in list(courses.order_by("pk").values_list("course_key", flat=True)):
        yield course_key, Group()


def believable(noticed_at: datetime, now: datetime) -> datetime:
    """Return when a notice was written. A clock that was wrong says nothing: then it has waited long enough."""
    return noticed_at if noticed_at <= now + MOST_AHEAD else now - timedelta(days=1)


def still_due(course_key: str, group: Group, user_ids: Sequence[int]) -> list[int]:
    """Return those of the learners whom no run beside this one, which has read the same page, has observed since."""
    there = set(Notice.objects.filter(pk__in=group.keys_of(user_ids)).values_list("pk", flat=True))
    due = {user_id for user_id in user_ids if not there.isdisjoint(group.keys_of([user_id]))}
    if again := group.again.intersection(user_ids):
        rows = ObservationFailure.objects.due(timezone.now()).filter(user_id__in=again, course_key=course_key)
        due.update(rows.values_list("user_id", flat=True))
    return [user_id for user_id in user_ids if user_id in due]


def delete(pks: Sequence[int]) -> int:
    """Delete notices, and return how many were there.

    Each DELETE is alone and short: a lock on what is gone would hold up new rows after it.
    """
    return sum(_delete(pks[start : start + AT_ONCE]) for start in range(0, len(pks), AT_ONCE))


@persistently
def _delete(pks: Sequence[int]) -> int:
    with without_gap_locks():
        return Notice.objects.filter(pk__in=pks).delete()[0]


# --- what comes true by the passing of time ---------------------------------------------------------------------------


def notice_rechecks(now: datetime) -> None:
    """Leave a notice for every learner whose ``observe_again_at`` has come: no signal tells of a course's own days.

    A time further ahead than the longest wait is that of a clock that was wrong, and has come, too.
    """
    is_due = Q(observe_again_at__lte=now) | Q(observe_again_at__gt=now + LONGEST_WAIT)
    noticed_at = now - timedelta(seconds=config.gathering())
    due = LearnerCourse.objects.filter(is_due).values_list("pk", "user_id", "course_key")
    while rows := list(due[:AT_ONCE]):
        Notice.objects.bulk_create(
            Notice(user_id=user_id, course_key=key, reason=Reason.CERTIFICATE_SHOWN, noticed_at=noticed_at)
            for _, user_id, key in rows
        )
        # Only now: whoever is killed in between leaves the notices twice, and nobody out.
        noticed = LearnerCourse.objects.filter(is_due, pk__in=[pk for pk, _, _ in rows])
        persistently(noticed.update)(observe_again_at=None)


def next_recheck() -> datetime | None:
    """Return when the next ``observe_again_at`` comes; None where nobody waits for one."""
    waiting = LearnerCourse.objects.filter(observe_again_at__isnull=False).order_by("observe_again_at")
    return waiting.values_list("observe_again_at", flat=True).first()


# --- compaction -------------------------------------------------------------------------------------------------------


def compact_late(seconds: float) -> int:
    """Compact what has waited for long, unless somebody did so lately; the number of notices that are gone.

    Arguments:
        seconds: how long it may take.
    """
    waits_since = Notice.objects.order_by("pk").values_list("noticed_at", flat=True).first()
    now = timezone.now()
    if waits_since is None or waits_since > now - LATE or not cache.add(COMPACTED_KEY, 1, timeout=COMPACT_EVERY):
        return 0
    began = time.monotonic()
    gone = compact(now - LATE, began + seconds)
    took = time.monotonic() - began
    cache.set(COMPACTED_KEY, 1, timeout=max(COMPACT_EVERY, round(COMPACT_REST * took)))
    logger.info("notices compacted gone=%s seconds=%.1f since=%s", gone, took, f"{waits_since:%Y-%m-%dT%H:%M:%SZ}")
    return gone


def compact(before: datetime, deadline: float) -> int:
    """Delete what a newer notice of the same learner and course says as well; the number of rows.

    So a learner who was noticed often is one row of work, also when nobody has observed for weeks. Never the other way
    round: an observation that began before the newest was written has not seen what that one is about.

    Arguments:
        before: only notices that were written earlier.
        deadline: ``time.monotonic()`` at which to stop.
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
            # Who is to be erased must not be taken for one who became nameable. One text for each course run.
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
