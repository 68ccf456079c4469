"""How far a learner is in a course, counted in units."""

from __future__ import annotations

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.conf import settings
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.block_structure.api import get_course_in_cache
from openedx.core.djangoapps.site_configuration import helpers as configuration_helpers
from openedx.core.lib.cache_utils import request_cached
from xmodule.modulestore.django import modulestore
from xmodule.modulestore.exceptions import ItemNotFoundError

from demo.learning.costs import platform_call
from demo.learning.models import StoredBlock
from lms.djangoapps.courseware.models import StudentModule


def get_course_by_id(course_key: CourseKey):  # type: ignore[no-untyped-def]
    """The course; raises ItemNotFoundError."""
    course = modulestore().get_course(course_key)
    if course is None:
        raise ItemNotFoundError(course_key)
    return course


def get_permission_for_course_about() -> str:
    """What the site demands of those who see a course's about page: `see_exists`, or `see_about_page`."""
    name = "COURSE_ABOUT_VISIBILITY_PERMISSION"
    return str(configuration_helpers.get_value(name, settings.COURSE_ABOUT_VISIBILITY_PERMISSION))


@request_cached()
def get_course_blocks_completion_summary(course_key: CourseKey, user: User) -> dict[str, int] | list[None]:
    """Numbers of complete, incomplete and locked units; an empty list for an anonymous user.

    The units are those that were collected last, which follow a publication late. Raises ItemNotFoundError for an
    unknown course. Enrolment is not asked, but for the mode that locks.
    """
    platform_call("get_course_blocks_completion_summary", course_key, user.id)
    if not user.id:
        return []
    _draw(course_key, user)
    units = get_course_in_cache(course_key)
    done = _whole_completions(user, course_key)
    mode, _is_active = CourseEnrollment.enrollment_mode_for_user(user, course_key)
    counts = {"complete_count": 0, "incomplete_count": 0, "locked_count": 0}
    for unit in units:
        if unit.staff_only and not user.is_staff:
            continue
        if unit.gated and mode == CourseMode.AUDIT:
            counts["locked_count"] += 1
        elif done and all(usage_key in done for usage_key in unit.counted):
            counts["complete_count"] += 1
        else:
            counts["incomplete_count"] += 1
    return counts


def _draw(course_key: CourseKey, user: User) -> None:
    """Draw a learner's questions from each bank of the course, and keep the draw: asking writes.

    As the transformer ``library_content`` of ``course_blocks`` does, whether the learner ever came or not.
    """
    banks = StoredBlock.objects.filter(course__course_key=course_key, block_type="library_content")
    for usage_key in banks.values_list("usage_key", flat=True):
        StudentModule.objects.get_or_create(
            student=user,
            module_state_key=usage_key,
            course_id=course_key,
            defaults={"module_type": "library_content", "state": '{"selected": []}'},
        )


def _whole_completions(user: User, course_key: CourseKey) -> set[str]:
    found = BlockCompletion.get_learning_context_completions(user, course_key)
    return {str(usage_key) for usage_key, progress in found.items() if progress == 1.0}
