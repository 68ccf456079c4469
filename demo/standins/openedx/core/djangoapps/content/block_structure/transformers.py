"""A list of transformers. Source: `openedx/core/djangoapps/content/block_structure/transformers.py`, 2026."""

from __future__ import annotations

from typing import Any

from .transformer import FilteringTransformerMixin


def registered() -> list[Any]:
    """All that collect; on the platform the entry points of `openedx.block_structure_transformer`."""
    from lms.djangoapps.course_api.blocks.transformers.block_completion import BlockCompletionTransformer
    from lms.djangoapps.course_blocks.transformers import library_content, start_date, user_partitions, visibility

    from openedx.features.content_type_gating.block_transformers import ContentTypeGateTransformer

    return [
        BlockCompletionTransformer,
        ContentTypeGateTransformer,
        library_content.ContentLibraryTransformer,
        library_content.ContentLibraryOrderTransformer,
        start_date.StartDateTransformer,
        user_partitions.UserPartitionTransformer,
        visibility.VisibilityTransformer,
    ]


class BlockStructureTransformers:
    """Those that only filter run first, together; then the others in their order."""

    def __init__(self, transformers: Any = None, usage_info: Any = None) -> None:
        self.usage_info = usage_info
        self._transformers: dict[str, list[Any]] = {"supports_filter": [], "no_filter": []}
        self += transformers or []

    def __iadd__(self, transformers: Any) -> BlockStructureTransformers:
        for transformer in transformers:
            filters = isinstance(transformer, FilteringTransformerMixin)
            self._transformers["supports_filter" if filters else "no_filter"].append(transformer)
        return self

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        """Let all registered ones collect."""
        for transformer in registered():
            transformer.collect(block_structure)

    def transform(self, block_structure: Any) -> None:
        """Change the structure, and leave out what cannot be reached any more."""
        filters: list[Any] = []
        for transformer in self._transformers["supports_filter"]:
            filters += transformer.transform_block_filters(self.usage_info, block_structure)
        block_structure.filter_topological_traversal(filters)
        for transformer in self._transformers["no_filter"]:
            transformer.transform(self.usage_info, block_structure)
        block_structure._prune_unreachable()
