"""For whom a structure is changed. Source: `lms/djangoapps/course_blocks/usage_info.py`."""

from __future__ import annotations

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey

from lms.djangoapps.courseware.access import _has_access_to_course


class CourseUsageInfo:
    """A learner in a course run."""

    def __init__(
        self,
        course_key: CourseKey,
        user: User,
        allow_start_dates_in_future: bool = False,
        include_has_scheduled_content: bool = False,
    ) -> None:
        self.course_key = course_key
        self.user = user
        self.allow_start_dates_in_future = allow_start_dates_in_future
        self.include_has_scheduled_content = include_has_scheduled_content

    @property
    def has_staff_access(self) -> bool:
        """Whether the learner is of the staff."""
        return _has_access_to_course(self.user, "staff", self.course_key)
