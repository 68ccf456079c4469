"""Locks graded content. Source: `openedx/features/content_type_gating/block_transformers.py`, 2026."""

from __future__ import annotations

from typing import Any

from lms.djangoapps.course_blocks.transformers.user_partitions import UserPartitionTransformer

from openedx.core.djangoapps.content.block_structure.transformer import BlockStructureTransformer

from .helpers import CONTENT_GATING_PARTITION_ID, FULL_ACCESS
from .models import ContentTypeGatingConfig


class ContentTypeGateTransformer(BlockStructureTransformer):
    """Marks what holds a graded problem that is locked, up to the course."""

    @classmethod
    def name(cls) -> str:
        return "content_type_gate"

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        block_structure.request_xblock_fields("graded", "has_score", "weight")

    def transform(self, usage_info: Any, block_structure: Any) -> None:
        """Unless the block itself says to which groups it is open."""
        if not ContentTypeGatingConfig.enabled_for_enrollment(user=usage_info.user, course_key=usage_info.course_key):
            return
        for key in block_structure.topological_traversal():
            graded, has_score, weight = (
                block_structure.get_xblock_field(key, name) for name in ("graded", "has_score", "weight")
            )
            if not (graded and has_score and weight != 0):
                continue
            merged = block_structure.get_transformer_block_field(key, UserPartitionTransformer, "merged_group_access")
            access = merged.get_allowed_groups() if merged else {}
            if set(access.get(CONTENT_GATING_PARTITION_ID, {FULL_ACCESS.id})) == {FULL_ACCESS.id}:
                self._mark(block_structure, key)

    def _mark(self, block_structure: Any, key: Any) -> None:
        if not block_structure.get_xblock_field(key, "contains_gated_content"):
            block_structure.override_xblock_field(key, "contains_gated_content", True)
            for parent in block_structure.get_parents(key):
                self._mark(block_structure, parent)
