"""A learner and course that were noticed often are one row of work, also when nobody has looked for weeks.

Of the notices that have waited for long, each learner's newest of a course stays: whoever looks after it sees all that
the older ones were about. Never the other way round: a look that began before the newest was written has not seen what
it is about, and what arrived within ``LATE`` is left alone, so that nobody waits longer than before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count

from django.core.cache import cache
from django.utils import timezone

from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.models.notice import Notice, Reason

logger = logging.getLogger(__name__)

# A notice that has waited for so long is none that a worker is about to take up.
LATE = timedelta(hours=1)
# Seconds between two compactions of the whole LMS, and so many times as long as the last one took.
EVERY = 600
REST = 20
# Learners in courses that are remembered at once: some 50 MB. What lies behind them is compared with these.
MOST = 500_000
# Notices read at once, and deleted at once.
PAGE = 5000
AT_ONCE = 500
KEY = "percipio_openedx:compacted"

Row = tuple[int, int, str, str, datetime]


def oldest() -> datetime | None:
    """When the notice that has waited longest was written; None if none waits. The primary key answers."""
    return Notice.objects.order_by("pk").values_list("noticed_at", flat=True).first()


def compact_late(seconds: float) -> int:
    """Compact what has waited for long, unless somebody did so lately; the number of notices that are gone.

    Arguments:
        seconds: to work for, at most.
    """
    waits_since = oldest()
    if waits_since is None or timezone.now() - waits_since < LATE or not cache.add(KEY, 1, timeout=EVERY):
        return 0
    began = time.monotonic()
    gone = compact(timezone.now() - LATE, began + seconds)
    took = time.monotonic() - began
    cache.set(KEY, 1, timeout=max(EVERY, round(REST * took)))
    logger.info("notices compacted gone=%s seconds=%.1f since=%s", gone, took, f"{waits_since:%Y-%m-%dT%H:%M:%SZ}")
    return gone


def compact(before: datetime, deadline: float) -> int:
    """Delete what a newer notice says as well; the number of rows.

    Arguments:
        before: only notices that were written earlier.
        deadline: ``time.monotonic()`` at which to stop.
    """
    numbers = count()
    courses: dict[str, int] = {}
    seen: set[tuple[int, int, bool]] = set()
    gone = 0
    for page in _pages():
        said_again = []
        for pk, user_id, course_key, reason, noticed_at in page:
            if noticed_at >= before:
                continue
            if (course := courses.get(course_key)) is None:
                course = courses[course_key] = next(numbers)
            # Who is to be erased must not be taken for one who became nameable.
            pair = (user_id, course, reason == Reason.RETIREMENT)
            if pair in seen:
                said_again.append(pk)
            elif len(seen) < MOST:
                seen.add(pair)
        for start in range(0, len(said_again), AT_ONCE):
            gone += _delete(said_again[start : start + AT_ONCE])
        if time.monotonic() >= deadline:
            break
    return gone


def _pages() -> Iterator[list[Row]]:
    """All notices, the newest first, read without a lock."""
    rows = Notice.objects.order_by("-pk").values_list("pk", "user_id", "course_key", "reason", "noticed_at")
    page = list(rows[:PAGE])
    while page:
        yield page
        page = list(rows.filter(pk__lt=page[-1][0])[:PAGE])


@persistently
def _delete(pks: Sequence[int]) -> int:
    """By primary key, alone and short, as ``due`` does: no learner's INSERT waits for it."""
    with without_gap_locks():
        return Notice.objects.filter(pk__in=pks).delete()[0]
