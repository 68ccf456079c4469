"""Experiments, and what is left of verification. Source: `user_api/partition_schemes.py`, 2026.

Asking for the group of a learner who has none assigns one: the row (`UserCourseTag`) was seen in a real LMS.
"""

from __future__ import annotations

import random
from typing import Any

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from xmodule.partitions.partitions import Group, NoSuchUserPartitionGroupError, UserPartition, UserPartitionError

from .course_tag import api as course_tag_api


class RandomUserPartitionScheme:
    """An experiment: a random group, kept as a tag."""

    RANDOM = random.Random()

    @classmethod
    def get_group_for_user(
        cls, course_key: CourseKey, user: User, user_partition: UserPartition, assign: bool = True
    ) -> Group | None:
        """The group in the tag; where that names none, one at random, which is written down."""
        key = cls.key_for_partition(user_partition)
        group_id = course_tag_api.get_course_tag(user, course_key, key)
        if group_id is not None:
            try:
                return user_partition.get_group(int(group_id))
            except (NoSuchUserPartitionGroupError, ValueError):
                pass
        if not assign:
            return None
        if not user_partition.groups:
            raise UserPartitionError("Cannot assign user to an empty user partition")
        group = cls.RANDOM.choice(user_partition.groups)
        course_tag_api.set_course_tag(user, course_key, key, group.id)
        return group

    @classmethod
    def key_for_partition(cls, user_partition: UserPartition) -> str:
        """The tag's key."""
        return f"xblock.partition_service.partition_{user_partition.id}"


class ReturnGroup1PartitionScheme:
    """What verification became: everybody is allowed."""

    @classmethod
    def get_group_for_user(cls, course_key: CourseKey, user: User, user_partition: UserPartition, **_: Any) -> Group:
        """The first group."""
        return user_partition.get_group(1)


class LuckyPartitionScheme:
    """Not of the platform: a scheme of somebody else's, that goes by what no table of the LMS tells."""

    @classmethod
    def get_group_for_user(
        cls, course_key: CourseKey, user: User, user_partition: UserPartition, **_: Any
    ) -> Group | None:
        """By the name."""
        return user_partition.groups[len(user.username) % len(user_partition.groups)]
