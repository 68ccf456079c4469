"""Roles in courses and organizations. `instructor` is the course's administrator, `staff` its staff: neither says who
teaches.

Source: `common/djangoapps/student/roles.py` of edx-platform, autumn 2025 (the newest also merges openedx-authz).
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey

from common.djangoapps.student.models import CourseAccessRole

# Roles that have the permissions of another one.
ACCESS_ROLES_INHERITANCE = {"staff": {"limited_staff"}}


class RoleCache:
    """All roles of a user, read once for each user object."""

    def __init__(self, user: User) -> None:
        rows = CourseAccessRole.objects.filter(user=user)
        self._roles = {(row.role, row.org, str(row.course_id) if row.course_id else "") for row in rows}

    def has_role(self, role: str, course_id: CourseKey | None, org: str) -> bool:
        """Whether the user holds the role, or one that inherits from it."""
        names = ACCESS_ROLES_INHERITANCE.get(role, set()) | {role}
        return any((name, org, str(course_id) if course_id else "") in self._roles for name in names)


class GlobalStaff:
    """The staff of the whole site."""

    def has_user(self, user: User) -> bool:
        return bool(user and user.is_staff)


class RoleBase:
    """A named role in an organization, and in a course run of it."""

    ROLE = ""

    def __init__(self, org: str, course_key: CourseKey | None = None) -> None:
        self.org = org
        self.course_key = course_key

    def users_with_role(self) -> QuerySet[User]:
        """The users who hold the role."""
        course: Any = CourseKeyField.Empty if self.course_key is None else self.course_key
        return User.objects.filter(
            courseaccessrole__role=self.ROLE, courseaccessrole__org=self.org, courseaccessrole__course_id=course
        )

    def has_user(self, user: User) -> bool:
        """Whether the user is active and holds the role."""
        if not (user.is_authenticated and user.is_active):
            return False
        if not hasattr(user, "_roles"):
            user._roles = RoleCache(user)
        return user._roles.has_role(self.ROLE, self.course_key, self.org)  # type: ignore[no-any-return]

    def add_users(self, *users: User) -> None:
        """Give the role."""
        course: Any = CourseKeyField.Empty if self.course_key is None else self.course_key
        for user in users:
            CourseAccessRole.objects.get_or_create(user=user, org=self.org, course_id=course, role=self.ROLE)
            user.__dict__.pop("_roles", None)


class CourseRole(RoleBase):
    """A named role in one course run."""

    def __init__(self, course_key: CourseKey) -> None:
        super().__init__(course_key.org, course_key)


class CourseInstructorRole(CourseRole):
    """Course administrator."""

    ROLE = "instructor"


class CourseStaffRole(CourseRole):
    """Course staff."""

    ROLE = "staff"


class CourseLimitedStaffRole(CourseRole):
    """Course staff without Studio."""

    ROLE = "limited_staff"


class CourseBetaTesterRole(CourseRole):
    """Sees a course before it begins."""

    ROLE = "beta_testers"


class OrgStaffRole(RoleBase):
    """Staff of all courses of an organization."""

    ROLE = "staff"


class OrgInstructorRole(RoleBase):
    """Administrator of all courses of an organization."""

    ROLE = "instructor"
