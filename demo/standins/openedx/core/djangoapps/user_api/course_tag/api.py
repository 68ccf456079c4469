"""Tags of a learner in a course run. Source: `openedx/core/djangoapps/user_api/course_tag/api.py`, 2026."""

from __future__ import annotations

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey

from openedx.core.djangoapps.user_api.models import UserCourseTag


def get_course_tag(user: User, course_id: CourseKey, key: str) -> str | None:
    """The tag's text, or None."""
    row = UserCourseTag.objects.filter(user=user, course_id=course_id, key=key).first()
    return None if row is None else row.value


def set_course_tag(user: User, course_id: CourseKey, key: str, value: object) -> None:
    """Write a tag."""
    UserCourseTag.objects.update_or_create(user=user, course_id=course_id, key=key, defaults={"value": str(value)})
