"""The partition into those who audit and the others. Source: `openedx/features/content_type_gating/partitions.py`."""

from __future__ import annotations

from typing import Any

from common.djangoapps.course_modes.models import CourseMode
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from xmodule.partitions.partitions import Group, UserPartition

from .helpers import CONTENT_GATING_PARTITION_ID, FULL_ACCESS, LIMITED_ACCESS
from .models import ContentTypeGatingConfig


def create_content_gating_partition(course_key: CourseKey) -> UserPartition | None:
    """The partition, where gating is on for the course."""
    override = ContentTypeGatingConfig.current(course_key=course_key).studio_override_enabled
    if not (ContentTypeGatingConfig.enabled_for_course(course_key=course_key) or override):
        return None
    scheme = UserPartition.get_scheme("content_type_gate")
    return UserPartition(
        CONTENT_GATING_PARTITION_ID, "Feature-based Enrollments", "", [LIMITED_ACCESS, FULL_ACCESS], scheme
    )


class ContentTypeGatingPartitionScheme:
    """Limited or full access."""

    @classmethod
    def get_group_for_user(cls, course_key: CourseKey, user: User, user_partition: UserPartition, **_: Any) -> Group:
        """By the configuration and the enrollment."""
        is_limited = ContentTypeGatingConfig.enabled_for_enrollment(user=user, course_key=course_key)
        return LIMITED_ACCESS if is_limited else FULL_ACCESS

    @staticmethod
    def access_denied_message(block_key: Any, user: User, user_group: Group, allowed_groups: Any) -> str | None:
        """What keeps a closed block in the structure, as long as *verified* can still be bought."""
        slugs = {mode.slug for mode in CourseMode.modes_for_course(block_key.course_key)}
        if CourseMode.VERIFIED not in slugs or user_group == FULL_ACCESS:
            return None
        return "Graded assessments are available to Verified Track learners."
