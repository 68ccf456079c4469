"""Which blocks a learner completed.

Source: `course_api/blocks/transformers/block_completion.py` of edx-platform, 2026, whose rules a real LMS confirmed:
nothing is marked before the first row of exactly 1.0; an aggregator is complete when all its children that are not
excluded are.
"""

from __future__ import annotations

from typing import Any

from completion.models import BlockCompletion
from openedx.core.djangoapps.content.block_structure.transformer import BlockStructureTransformer
from xblock.completable import XBlockCompletionMode as CompletionMode


class BlockCompletionTransformer(BlockStructureTransformer):
    """Sets `complete`."""

    @classmethod
    def name(cls) -> str:
        return "blocks_api:completion"

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        block_structure.request_xblock_fields("completion_mode")

    def transform(self, usage_info: Any, block_structure: Any) -> None:
        course_key = usage_info.course_key
        rows = BlockCompletion.get_learning_context_completions(usage_info.user, course_key)
        done = {key.map_into_course(course_key) for key, completion in rows.items() if completion == 1.0}
        if not done:
            return
        for key in block_structure.post_order_traversal():
            if key in done:
                block_structure.override_xblock_field(key, "complete", True)
            elif block_structure.get_xblock_field(key, "completion_mode") == CompletionMode.AGGREGATOR:
                counted = [
                    child
                    for child in block_structure.get_children(key)
                    if block_structure.get_xblock_field(child, "completion_mode") != CompletionMode.EXCLUDED
                ]
                if all(block_structure.get_xblock_field(child, "complete") for child in counted):
                    block_structure.override_xblock_field(key, "complete", True)
