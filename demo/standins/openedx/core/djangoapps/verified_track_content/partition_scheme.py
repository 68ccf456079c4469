"""The partition by enrollment tracks. Source: `openedx/core/djangoapps/verified_track_content/partition_scheme.py`."""

from __future__ import annotations

from typing import Any

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from xmodule.partitions.partitions import Group, UserPartition

# `COURSE_ENROLLMENT_MODES` in the platform's settings.
ENROLLMENT_GROUP_IDS = {"audit": 1, "verified": 2, "professional": 3, "no-id-professional": 4, "credit": 5, "honor": 6}


class EnrollmentTrackPartitionScheme:
    """The group of the mode in which a learner is enrolled."""

    @classmethod
    def get_group_for_user(
        cls, course_key: CourseKey, user: User, user_partition: UserPartition, **_: Any
    ) -> Group | None:
        """None without an active enrollment; the default mode for a mode that the course does not have."""
        mode, is_active = CourseEnrollment.enrollment_mode_for_user(user, course_key)
        if not (mode and is_active):
            return None
        modes = CourseMode.modes_for_course(course_key, include_expired=True, only_selectable=False)
        found = next((one for one in modes if one.slug == mode), CourseMode.DEFAULT_MODE)
        return Group(ENROLLMENT_GROUP_IDS[found.slug], found.name)
