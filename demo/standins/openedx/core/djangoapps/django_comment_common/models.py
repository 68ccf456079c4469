"""Roles in a course's forum. Source: `openedx/core/djangoapps/django_comment_common/models.py`, 2026."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey

FORUM_ROLE_ADMINISTRATOR = "Administrator"
FORUM_ROLE_MODERATOR = "Moderator"
FORUM_ROLE_GROUP_MODERATOR = "Group Moderator"
FORUM_ROLE_COMMUNITY_TA = "Community TA"
FORUM_ROLE_STUDENT = "Student"


class Role(models.Model):
    """A role in the forum of one course run, and who holds it."""

    name = models.CharField(max_length=30)
    users = models.ManyToManyField(User, related_name="roles")
    course_id = CourseKeyField(max_length=255, blank=True, db_index=True)

    class Meta:
        app_label = "django_comment_common"
        db_table = "django_comment_client_role"

    def __str__(self) -> str:
        return f"{self.name} for {self.course_id or 'all courses'}"

    @staticmethod
    def user_has_role_for_course(user: User, course_id: CourseKey, role_names: list[str]) -> bool:
        """Whether the user has one of these roles."""
        return Role.objects.filter(course_id=course_id, name__in=role_names, users=user).exists()
