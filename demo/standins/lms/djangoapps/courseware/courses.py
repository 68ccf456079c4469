"""How far a learner is in a course, counted in units."""

from __future__ import annotations

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey, UsageKey
from openedx.core.lib.cache_utils import request_cached
from xmodule.modulestore.django import modulestore
from xmodule.modulestore.exceptions import ItemNotFoundError

from demo.learning.costs import platform_call


def get_course_by_id(course_key: CourseKey):  # type: ignore[no-untyped-def]
    """The course; raises ItemNotFoundError."""
    course = modulestore().get_course(course_key)
    if course is None:
        raise ItemNotFoundError(course_key)
    return course


@request_cached()
def get_course_blocks_completion_summary(course_key: CourseKey, user: User) -> dict[str, int] | list[None]:
    """Numbers of complete, incomplete and locked units; an empty list for an anonymous user.

    Raises ItemNotFoundError for an unknown course. Enrolment is not asked, but for the mode that locks.
    """
    platform_call("get_course_blocks_completion_summary")
    if not user.id:
        return []
    course = get_course_by_id(course_key)
    done = _whole_completions(user, course_key)
    mode, _is_active = CourseEnrollment.enrollment_mode_for_user(user, course_key)
    counts = {"complete_count": 0, "incomplete_count": 0, "locked_count": 0}
    for unit in course.units(with_staff_only=user.is_staff):
        if unit.gated and mode == CourseMode.AUDIT:
            counts["locked_count"] += 1
        elif done and all(block.usage_key in done for block in unit.counted_blocks()):
            counts["complete_count"] += 1
        else:
            counts["incomplete_count"] += 1
    return counts


def _whole_completions(user: User, course_key: CourseKey) -> set[UsageKey]:
    found = BlockCompletion.get_learning_context_completions(user, course_key)
    return {usage_key for usage_key, share in found.items() if share == 1.0}
