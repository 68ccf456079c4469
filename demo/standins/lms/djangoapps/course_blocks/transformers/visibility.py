"""Hides what is for the staff only. Source: `course_blocks/transformers/visibility.py`, 2026."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openedx.core.djangoapps.content.block_structure.transformer import (
    BlockStructureTransformer,
    FilteringTransformerMixin,
)


class VisibilityTransformer(FilteringTransformerMixin, BlockStructureTransformer):
    """A hidden block hides what is under it."""

    MERGED = "merged_visible_to_staff_only"

    @classmethod
    def name(cls) -> str:
        return "visibility"

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        for key in block_structure.topological_traversal():
            above = [
                block_structure.get_transformer_block_field(parent, cls, cls.MERGED)
                for parent in block_structure.get_parents(key)
            ]
            own = block_structure.get_xblock(key).visible_to_staff_only
            block_structure.set_transformer_block_field(key, cls, cls.MERGED, own or (bool(above) and all(above)))

    def transform_block_filters(self, usage_info: Any, block_structure: Any) -> list[Callable[[Any], bool]]:
        if usage_info.has_staff_access:
            return [block_structure.create_universal_filter()]
        return [
            block_structure.create_removal_filter(
                lambda key: block_structure.get_transformer_block_field(key, self, self.MERGED, False)
            )
        ]
