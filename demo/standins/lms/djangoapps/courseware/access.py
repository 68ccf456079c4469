"""Who is of a course's staff. Source: `lms/djangoapps/courseware/access.py` of edx-platform, 2026."""

from __future__ import annotations

from common.djangoapps.student.roles import (
    CourseInstructorRole,
    CourseStaffRole,
    GlobalStaff,
    OrgInstructorRole,
    OrgStaffRole,
)
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey


def has_access(user: User, action: str, obj: CourseKey) -> bool:
    """Whether the user has `staff` access to a course run; the platform knows more actions and objects."""
    return _has_access_to_course(user, action, obj)


def _has_access_to_course(user: User, access_level: str, course_key: CourseKey) -> bool:
    if not user.is_authenticated:
        return False
    if GlobalStaff().has_user(user):
        return True
    roles = (
        CourseStaffRole(course_key),
        OrgStaffRole(course_key.org),
        CourseInstructorRole(course_key),
        OrgInstructorRole(course_key.org),
    )
    return access_level == "staff" and any(role.has_user(user) for role in roles)
