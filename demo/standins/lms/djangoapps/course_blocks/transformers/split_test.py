"""Experiments: what is under a `split_test` block is for one group each. Source: `transformers/split_test.py`, 2026."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openedx.core.djangoapps.content.block_structure.transformer import (
    BlockStructureTransformer,
    FilteringTransformerMixin,
)


class SplitTestTransformer(FilteringTransformerMixin, BlockStructureTransformer):
    """Nested in that of the partitions, which closes the blocks of the other groups."""

    @classmethod
    def name(cls) -> str:
        return "split_test"

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        for key in block_structure.topological_traversal(lambda key: key.block_type == "split_test"):
            xblock = block_structure.get_xblock(key)
            partition = next((one for one in xblock.partitions if one.id == xblock.user_partition_id), None)
            if partition is None:
                continue
            # By block id where the platform has whole keys.
            group_of = {xblock.group_id_to_child.get(str(group.id)): group.id for group in partition.groups}
            for child in xblock.children:
                group = group_of.get(child.usage_key.block_id)
                child.group_access[partition.id] = [] if group is None else [group]

    def transform_block_filters(self, usage_info: Any, block_structure: Any) -> list[Callable[[Any], bool]]:
        return [
            block_structure.create_removal_filter(lambda key: key.block_type == "split_test", keep_descendants=True)
        ]
