"""A course's partitions and a learner's groups. Source: `xmodule/partitions/partitions_service.py`, 2026."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey

from .partitions import ENROLLMENT_TRACK_PARTITION_ID, Group, UserPartition


def get_all_partitions_for_course(course: Any, active_only: bool = False) -> list[UserPartition]:
    """The course's own partitions, and those that every course has: enrollment track, content gating."""
    from openedx.features.content_type_gating.partitions import create_content_gating_partition

    own = list(course.partitions)
    scheme = UserPartition.get_scheme("enrollment_track")
    track = UserPartition(ENROLLMENT_TRACK_PARTITION_ID, "Enrollment Track Groups", "", [], scheme)
    gating = create_content_gating_partition(course.usage_key.course_key)
    found = [*own, track, *([gating] if gating else [])]
    return [partition for partition in found if partition.active or not active_only]


def get_user_partition_groups(
    course_key: CourseKey, user_partitions: list[UserPartition], user: User, partition_dict_key: str = "name"
) -> dict[Any, Group]:
    """The learner's group in each partition; asking assigns one where the scheme does so."""
    groups = {}
    for partition in user_partitions:
        group = partition.scheme.get_group_for_user(course_key, user, partition)
        if group is not None:
            groups[getattr(partition, partition_dict_key)] = group
    return groups
