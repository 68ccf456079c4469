"""Learners whose retirement was noticed too late or not at all, and those whose retirement was called off."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial

from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead
from percipio_openedx.data import RetiredNames
from percipio_openedx.enums import HoldReason
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.notice import Notice, Reason
from percipio_openedx.reporting import retirement

logger = logging.getLogger(__name__)

AT_ONCE = 1000


def count() -> int:
    """How many retired learners still have statements here.

    Raises:
        PlatformUnavailable: the LMS could not be asked.
    """
    return sum(1 for _ in _left())


def erase_left(failed: dict[int, str] | None = None) -> int:
    """Erase them, each behind a bulkhead of their own; the number of learners.

    Arguments:
        failed: gets, by user id, why somebody could not be erased.
    """
    erased = 0
    for user_id in _left():
        with bulkhead(Boundary.LEARNER) as contained:
            retirement.erase(user_id)
        if contained.error is None:
            erased += 1
            continue
        logger.error("learner not erased user=%s problem=%s", user_id, contained.reason)
        if failed is not None:
            failed[user_id] = contained.reason
    return erased


def take_back() -> int:
    """Notice anew whoever was held back as retired and is not: the retirement was cancelled. The number of courses."""
    noticed = last = 0
    names = config.retired_names()
    # Every site that there is a row of, said so that the index that begins with the site can be used.
    sites = set(LearnerCourse.objects.values_list("site_id", flat=True).order_by().distinct())
    retired = LearnerCourse.objects.filter(site_id__in=sites, hold_reason=HoldReason.RETIRED)
    while True:
        rows = retired.filter(pk__gt=last).order_by("pk")
        held = list(rows.values_list("pk", "user_id", "course_key")[:AT_ONCE])
        if not held:
            return noticed
        last = held[-1][0]
        parts, _broken = apart(Boundary.LEARNER, held, partial(_notice_anew, names))
        noticed += sum(parts)


def _notice_anew(names: RetiredNames, held: Sequence[tuple[int, int, str]]) -> int:
    user_ids = {user_id for _, user_id, _ in held}
    learners = edx_platform.learners(user_ids)
    gone = edx_platform.retiring(user_ids) | {user_id for user_id, one in learners.items() if names.has(one)}
    back = [(user_id, key) for _, user_id, key in held if user_id in learners and user_id not in gone]
    now = timezone.now()
    Notice.objects.bulk_create(
        Notice(user_id=user_id, course_key=key, reason=Reason.BACKFILL, noticed_at=now) for user_id, key in back
    )
    return len(back)


def _left() -> Iterator[int]:
    """Learners with statements here, by user id, whose accounts are retired for good."""
    last = 0
    names = config.retired_names()
    while True:
        retired = edx_platform.retired_accounts(names, last, AT_ONCE)
        if not retired:
            return
        last = retired[-1]
        rows = LearnerCourse.objects.filter(user_id__in=retired, sequence__gt=0).order_by()
        yield from sorted(edx_platform.retired_for_good(names, rows.values_list("user_id", flat=True).distinct()))
