"""The notices: select what is due by course run, delete what was observed, and compact the rest.

Notices are read without a lock and deleted by primary key, so that no learner's INSERT waits.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.models.learner_course import LearnerCourse, Notice, ObservationFailure, Part, Reason
from percipio_openedx.reporting import failures
from percipio_openedx.reporting.milestones import LONGEST_WAIT

logger = logging.getLogger(__name__)

# Notices per query.
PAGE = 2000
# Learners observed under one lease, and rows written or deleted at once.
AT_ONCE = 200
# A notice further in the future than clock skew explains was written with a wrong clock: it is due.
MOST_AHEAD = timedelta(minutes=15)

# A notice this old is not about to be taken up by a worker.
LATE = timedelta(hours=1)
# Seconds between two compactions in the whole LMS, or this many times the duration of the last one if longer.
COMPACT_EVERY = 600
COMPACT_REST = 20
# Pairs of learner and course that a compaction remembers: some 60 MB. Older ones are compared with these.
MOST_REMEMBERED = 500_000
COMPACTED_KEY = "percipio_openedx:compacted"


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
                if min(believable(notice.noticed_at, now) for notice in notices) <= due_until
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


def believable(noticed_at: datetime, now: datetime) -> datetime:
    """Return when a notice was written; one from a wrong clock counts as a day old."""
    return noticed_at if noticed_at <= now + MOST_AHEAD else now - timedelta(days=1)


def still_due(course_key: str, group: Group, user_ids: Sequence[int]) -> list[int]:
    """Return the learners that no parallel run has observed since this one read the page."""
    there = set(Notice.objects.filter(pk__in=group.keys_of(user_ids)).values_list("pk", flat=True))
    due = {user_id for user_id in user_ids if not there.isdisjoint(group.keys_of([user_id]))}
    if again := group.again.intersection(user_ids):
        rows = ObservationFailure.objects.due(timezone.now()).filter(user_id__in=again, course_key=course_key)
        due.update(rows.values_list("user_id", flat=True))
    return [user_id for user_id in user_ids if user_id in due]


def delete(pks: Sequence[int]) -> int:
    """Delete notices and return how many there were; in short DELETEs, since their locks hold up new rows."""
    return sum(_delete(pks[start : start + AT_ONCE]) for start in range(0, len(pks), AT_ONCE))


@persistently
def _delete(pks: Sequence[int]) -> int:
    with without_gap_locks():
        return Notice.objects.filter(pk__in=pks).delete()[0]


# --- what comes true by the passing of time ---------------------------------------------------------------------------


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


def next_recheck() -> datetime | None:
    waiting = LearnerCourse.objects.filter(observe_again_at__isnull=False).order_by("observe_again_at")
    return waiting.values_list("observe_again_at", flat=True).first()


# --- compaction -------------------------------------------------------------------------------------------------------


def compact_late(seconds: float) -> int:
    """Compact old notices for some ``seconds`` unless that was done recently; return the number deleted."""
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
