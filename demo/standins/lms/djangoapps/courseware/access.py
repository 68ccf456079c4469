"""Who may do what with a course. Source: `lms/djangoapps/courseware/access.py` of edx-platform, 2026."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.djangoapps.student.roles import (
    CourseInstructorRole,
    CourseStaffRole,
    GlobalStaff,
    OrgInstructorRole,
    OrgStaffRole,
)
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

CATALOG_AND_ABOUT, ABOUT = "both", "about"


def has_access(user: Any, action: str, obj: Any, course_key: Any = None) -> bool:
    """Whether somebody may do that with a course overview, or is of the staff of a course; enrolment is not asked.

    Raises TypeError for other objects, ValueError for an unknown action.
    """
    if isinstance(obj, CourseKey):
        return _has_access_to_course(user, action, obj)
    if not isinstance(obj, CourseOverview):
        raise TypeError(f"Unknown object type in has_access(): '{type(obj)}'")
    checkers: dict[str, Callable[[], bool]] = {
        "load": lambda: _is_staff(user, obj) or (not obj.visible_to_staff_only and obj.has_started()),
        "enroll": lambda: _may_enroll(user, obj),
        "see_exists": lambda: has_access(user, "load", obj) or _may_enroll(user, obj),
        "staff": lambda: _is_staff(user, obj),
        "see_in_catalog": lambda: obj.catalog_visibility == CATALOG_AND_ABOUT or _is_staff(user, obj),
        "see_about_page": lambda: obj.catalog_visibility in (CATALOG_AND_ABOUT, ABOUT) or _is_staff(user, obj),
    }
    if action not in checkers:
        raise ValueError(f"Unknown action for object type '{type(obj)}': '{action}'")
    return checkers[action]()


def _may_enroll(user: Any, course: CourseOverview) -> bool:
    return _is_staff(user, course) or (not course.invitation_only and course.is_enrollment_open())


def _is_staff(user: Any, course: CourseOverview) -> bool:
    return _has_access_to_course(user, "staff", course.id)


def _has_access_to_course(user: Any, access_level: str, course_key: CourseKey) -> bool:
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
