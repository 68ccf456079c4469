"""What a transformer is. Source: `openedx/core/djangoapps/content/block_structure/transformer.py`, 2026."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class BlockStructureTransformer:
    """Collects what it needs when a course is published, and changes the structure for one learner."""

    WRITE_VERSION = 1
    READ_VERSION = 1

    @classmethod
    def name(cls) -> str:
        """Its name among the registered ones."""
        raise NotImplementedError

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        """Keep what is needed later in the structure."""

    def transform(self, usage_info: Any, block_structure: Any) -> None:
        """Change the structure for the learner of `usage_info`."""
        raise NotImplementedError


class FilteringTransformerMixin:
    """Of a transformer that only takes blocks out: all such run first, together."""

    def transform_block_filters(self, usage_info: Any, block_structure: Any) -> list[Callable[[Any], bool]]:
        """Tests of keys; what fails one is taken out with all that is under it."""
        raise NotImplementedError

    def transform(self, usage_info: Any, block_structure: Any) -> None:
        """This one alone."""
        block_structure.filter_topological_traversal(self.transform_block_filters(usage_info, block_structure))
