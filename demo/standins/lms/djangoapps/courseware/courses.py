"""How far a learner is in a course, counted in units. Source: `lms/djangoapps/courseware/courses.py`, 2026."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.site_configuration import helpers as configuration_helpers
from openedx.core.lib.cache_utils import request_cached
from xmodule.modulestore.django import modulestore
from xmodule.modulestore.exceptions import ItemNotFoundError

from demo.learning.costs import platform_call
from lms.djangoapps.course_blocks.api import get_course_blocks


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

    The units are whatever stands at the third level of the structure that was collected last, which follows a
    publication late. Raises ItemNotFoundError for an unknown course.
    """
    platform_call("get_course_blocks_completion_summary", course_key, user.id)
    if not user.id:
        return []
    root = course_key.make_usage_key("course", "course")
    blocks = get_course_blocks(user, root, allow_start_dates_in_future=True, include_completion=True)
    counts = {"complete_count": 0, "incomplete_count": 0, "locked_count": 0}
    for section in blocks.get_children(root):
        for subsection in blocks.get_children(section):
            for unit in blocks.get_children(subsection):
                if blocks.get_xblock_field(unit, "contains_gated_content", False):
                    counts["locked_count"] += 1
                elif blocks.get_xblock_field(unit, "complete", False):
                    counts["complete_count"] += 1
                else:
                    counts["incomplete_count"] += 1
    return counts
