"""The partition by cohorts. Source: `openedx/core/djangoapps/course_groups/partition_scheme.py`, 2026."""

from __future__ import annotations

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from xmodule.partitions.partitions import Group, NoSuchUserPartitionGroupError, UserPartition

from .cohorts import get_cohort, get_group_info_for_cohort


class CohortPartitionScheme:
    """The group that a learner's cohort is linked to."""

    @classmethod
    def get_group_for_user(
        cls, course_key: CourseKey, user: User, user_partition: UserPartition, use_cached: bool = True
    ) -> Group | None:
        """None without a cohort, or if that is linked to nothing, to another partition or to a group that is gone."""
        cohort = get_cohort(user, course_key, use_cached=use_cached)
        if cohort is None:
            return None
        group_id, partition_id = get_group_info_for_cohort(cohort, use_cached=use_cached)
        if group_id is None or partition_id != user_partition.id:
            return None
        try:
            return user_partition.get_group(group_id)
        except NoSuchUserPartitionGroupError:
            return None
