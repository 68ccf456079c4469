"""The progress of learners of a course run: of many at once, proved against the platform, and one by one.

Of each new outline one learner is asked of the platform as well before the others are believed, and then one answer in
two hundred. A difference that is none of the moment is recorded, and for a day every learner is asked for.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db.models import QuerySet
from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.bulkheads import MOST_ALONE, Boundary, bulkhead
from percipio_openedx.data import Activity, Progress
from percipio_openedx.edx_platform import CourseState
from percipio_openedx.models.operations import ProgressDifference

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

# One answer in so many is asked of the platform as well.
SAMPLED = 200
# For so long every learner of a course run that differed is asked for.
DISTRUSTED_FOR = timedelta(days=1)
# Why courses were asked about learner by learner, for the doctor: as many courses, for a day.
REASONS_KEY = "percipio:asked-one-by-one"
MOST_REASONS = 200


@dataclass(slots=True)
class ProgressAnswers:
    """The progress of learners of a course run, None where the platform does not know it.

    ``failed`` holds the reason of each learner for whom the platform failed, or was not asked after too many failures.
    A learner in neither was not asked for. ``is_broken``: it failed for all.
    """

    found: dict[int, Progress | None] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    is_broken: bool = False


def answers(
    course_key: str, user_ids: Sequence[int], deadline: float | None = None, state: CourseState | None = None
) -> ProgressAnswers:
    """Answer for the learners of the course run at once; ask for the others (10 to 500 ms each) one by one.

    The bulkheads around the progress, of the course run and of one learner; everything else is reported without it. If
    it fails for the first few, no others are asked for: the problem is the course. After ``deadline`` only the first
    one is asked for. ``state`` is what was read a moment ago (``course_state``).
    """
    users = edx_platform.users(user_ids)
    answers = ProgressAnswers()
    if deadline is None or time.monotonic() < deadline:
        with bulkhead(Boundary.PROGRESS, passes_outages=True) as contained:
            answers = at_once(course_key, users, state)
        if contained.error is not None and _remember_reason(course_key, contained.reason):
            logger.warning("Progress in %s is asked learner by learner: %s", course_key, contained.reason)
    rest = [user_id for user_id in user_ids if user_id not in answers.found and user_id not in answers.failed]
    # In random order, or the same failing few would come first each time.
    mixed = random.sample(rest, len(rest))
    for number, user_id in enumerate(mixed):
        if number and deadline is not None and time.monotonic() >= deadline:
            break
        with bulkhead(Boundary.PROGRESS, passes_outages=True) as contained:
            user = users.get(user_id)
            answers.found[user_id] = None if user is None else edx_platform.learner_progress(course_key, user)
        if contained.error is None:
            continue
        answers.failed[user_id] = contained.reason
        if len(answers.failed) >= MOST_ALONE and not answers.found:
            answers.is_broken = True
            answers.failed |= dict.fromkeys(mixed[number + 1 :], contained.reason)
            break
    return answers


def at_once(course_key: str, users: Mapping[int, User], state: CourseState | None = None) -> ProgressAnswers:
    """Return the progress of those of whom it is certain; ``state`` as in ``edx_platform.course_progress``.

    Raises:
        PlatformUnavailable: nothing is known; all are to be asked for.
    """
    asked = ProgressAnswers()
    if differing().filter(course_key=course_key).exists():
        return asked
    answered = edx_platform.course_progress(course_key, users, state)
    _remember_reason(course_key, max(answered.left, key=lambda one: answered.left[one], default=""))
    believed: dict[int, Progress | None] = {}
    for outline, counted in answered.by_outline.items():
        is_new = not edx_platform.is_trusted(outline)
        for user_id in _sample(counted, is_new=is_new):
            if not _is_proved(course_key, users[user_id], outline, counted[user_id], asked):
                return asked
        believed |= counted
        if is_new:
            edx_platform.trust(outline)
    asked.found = believed | asked.found
    return asked


def differing() -> QuerySet[ProgressDifference]:
    """Select the course runs whose learners are asked for one by one because of a difference."""
    return ProgressDifference.objects.filter(found_at__gt=timezone.now() - DISTRUSTED_FOR)


def reasons() -> dict[str, str]:
    """Return why learners were asked for one by one, by course run, for those that were observed within the day."""
    found: dict[str, str] = cache.get(REASONS_KEY) or {}
    return found


def _sample(counted: Mapping[int, Progress], *, is_new: bool) -> list[int]:
    """Return those to ask the platform for as well: one of a new outline, and one in ``SAMPLED``."""
    # Rounded at random, so that it is one in so many, however few come at a time.
    size = max(int(is_new), int(len(counted) / SAMPLED + random.random()))  # noqa: S311
    return random.sample(list(counted), min(size, len(counted)))


def _is_proved(course_key: str, user: User, outline: str, counted: Progress, asked: ProgressAnswers) -> bool:
    """Whether the platform, asked as well, says the same; put down its answer, and record a difference that lasts.

    The bulkhead around the platform's answer for one learner.
    """
    with bulkhead(Boundary.PROGRESS, passes_outages=True) as contained:
        progress = edx_platform.learner_progress(course_key, user)
        if progress is not None:
            asked.found[user.pk] = progress
        if progress not in (None, counted) and (difference := _difference(course_key, user.pk, outline)):
            _record(course_key, difference)
        return progress == counted
    asked.failed[user.pk] = contained.reason
    return False


def _difference(course_key: str, user_id: int, outline: str) -> str:
    """Return how the two ways still differ for a learner, asked once more; ``''`` if not, or if that cannot be told.

    A learner who has another outline by now, or who does something meanwhile, proves nothing.
    """
    before = _fingerprint(course_key, user_id)
    users = edx_platform.users([user_id])
    ours = edx_platform.course_progress(course_key, users).by_outline.get(outline, {}).get(user_id)
    theirs = edx_platform.learner_progress(course_key, users[user_id])
    if ours is None or theirs is None or "" in before or _fingerprint(course_key, user_id) != before:
        return ""
    return ", ".join(
        f"{name} {mine} instead of {its}"
        for name, mine, its in zip(Progress._fields, ours, theirs, strict=True)
        if mine != its
    )


def _fingerprint(course_key: str, user_id: int) -> tuple[str, str]:
    """Return what a learner's progress depends on: the state, and the completions."""
    states = edx_platform.course_state(course_key, edx_platform.users([user_id])).texts
    activities = edx_platform.activities(course_key, [user_id])
    return states.get(user_id, ""), activities.get(user_id, Activity()).version


def _record(course_key: str, difference: str) -> None:
    defaults = {"found_at": timezone.now(), "difference": difference}
    ProgressDifference.objects.update_or_create(course_key=course_key, defaults=defaults)
    message = "Progress in %s was counted otherwise than by the LMS (%s): its learners are asked for one by one"
    logger.error(message, course_key, difference)


def _remember_reason(course_key: str, reason: str) -> bool:
    """Keep why learners are asked for one by one, or forget it (``''``); return whether it is another than before."""
    known = reasons()
    if known.get(course_key, "") == reason:
        return False
    known.pop(course_key, None)
    if reason:
        known[course_key] = reason
    cache.set(REASONS_KEY, dict(list(known.items())[-MOST_REASONS:]), timeout=86_400)
    return True
