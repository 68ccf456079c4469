"""Course roles. `instructor` is the course's administrator, `staff` its staff: neither says who teaches."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet
from opaque_keys.edx.keys import CourseKey

from common.djangoapps.student.models import CourseAccessRole


class CourseRole:
    """A named role in one course run."""

    ROLE = ""

    def __init__(self, course_key: CourseKey) -> None:
        self.course_key = course_key

    def users_with_role(self) -> QuerySet[User]:
        """The users who hold the role."""
        return User.objects.filter(courseaccessrole__role=self.ROLE, courseaccessrole__course_id=self.course_key)

    def has_user(self, user: User) -> bool:
        """Whether the user holds the role."""
        return self.users_with_role().filter(pk=user.pk).exists()

    def add_users(self, *users: User) -> None:
        """Give the role."""
        for user in users:
            CourseAccessRole.objects.get_or_create(
                user=user, org=self.course_key.org, course_id=self.course_key, role=self.ROLE
            )


class CourseInstructorRole(CourseRole):
    """Course administrator."""

    ROLE = "instructor"


class CourseStaffRole(CourseRole):
    """Course staff."""

    ROLE = "staff"
