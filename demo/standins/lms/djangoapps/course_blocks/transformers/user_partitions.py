"""Closes blocks to groups. Source: `course_blocks/transformers/user_partitions.py` of edx-platform, 2026."""

from __future__ import annotations

from typing import Any

from openedx.core.djangoapps.content.block_structure.transformer import BlockStructureTransformer
from xmodule.partitions.partitions import get_partition_from_id
from xmodule.partitions.partitions_service import get_all_partitions_for_course, get_user_partition_groups

from lms.djangoapps.courseware.access import has_access

from .split_test import SplitTestTransformer


class _MergedGroupAccess:
    """Which groups a block is open to, by partition, with what is closed above it."""

    def __init__(self, user_partitions: list[Any], xblock: Any, above: list[_MergedGroupAccess]) -> None:
        self._access: dict[int, set[int]] = {}
        for partition in user_partitions:
            inherited: set[int] | None = None
            if above and all(partition.id in one._access for one in above):
                inherited = set().union(*(one._access[partition.id] for one in above))
            own = set(xblock.group_access.get(partition.id) or []) or None
            both = [groups for groups in (own, inherited) if groups is not None]
            if both:
                self._access[partition.id] = set.intersection(*both)

    def get_allowed_groups(self) -> dict[int, set[int]]:
        return self._access

    def get_access_denying_partitions(self, user_groups: dict[int, Any]) -> list[int]:
        """The partitions that keep out a learner of these groups."""
        return [
            partition_id
            for partition_id, allowed in self._access.items()
            if partition_id not in user_groups or user_groups[partition_id].id not in allowed
        ]


class UserPartitionTransformer(BlockStructureTransformer):
    """Takes out what is closed to the learner's groups, unless there is a message; the staff has everything."""

    @classmethod
    def name(cls) -> str:
        return "user_partitions"

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        SplitTestTransformer.collect(block_structure)
        root = block_structure.get_xblock(block_structure.root_block_usage_key)
        partitions = get_all_partitions_for_course(root, active_only=True)
        block_structure.set_transformer_data(cls, "user_partitions", partitions)
        for key in block_structure.topological_traversal():
            above = [
                block_structure.get_transformer_block_field(parent, cls, "merged_group_access")
                for parent in block_structure.get_parents(key)
            ]
            merged = _MergedGroupAccess(partitions, block_structure.get_xblock(key), above)
            block_structure.set_transformer_block_field(key, cls, "merged_group_access", merged)

    def transform(self, usage_info: Any, block_structure: Any) -> None:
        user = usage_info.user
        SplitTestTransformer().transform(usage_info, block_structure)
        if has_access(user, "staff", usage_info.course_key):
            return
        partitions = block_structure.get_transformer_data(self, "user_partitions")
        if not partitions:
            return
        groups = get_user_partition_groups(usage_info.course_key, partitions, user, "id")
        for key in block_structure.topological_traversal():
            merged = block_structure.get_transformer_block_field(key, self, "merged_group_access")
            denying = merged.get_access_denying_partitions(groups) if merged is not None else []
            found = [get_partition_from_id(partitions, partition_id) for partition_id in denying]
            allowed = merged.get_allowed_groups() if merged is not None else {}
            messages = [
                one.access_denied_message(key, user, groups.get(one.id), allowed[one.id]) for one in found if one
            ]
            if denying and not any(messages):
                block_structure.remove_block(key, keep_descendants=False)
