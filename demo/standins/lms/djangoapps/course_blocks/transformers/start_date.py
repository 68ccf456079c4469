"""Hides what has not begun; progress asks with `allow_start_dates_in_future`. Source: `transformers/start_date.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone
from openedx.core.djangoapps.content.block_structure.transformer import (
    BlockStructureTransformer,
    FilteringTransformerMixin,
)


class StartDateTransformer(FilteringTransformerMixin, BlockStructureTransformer):
    """By the block's own start only; the platform also has beta testers' days."""

    @classmethod
    def name(cls) -> str:
        return "start_date"

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        block_structure.request_xblock_fields("start")

    def transform_block_filters(self, usage_info: Any, block_structure: Any) -> list[Callable[[Any], bool]]:
        if usage_info.has_staff_access or usage_info.allow_start_dates_in_future:
            return [block_structure.create_universal_filter()]

        def is_ahead(key: Any) -> bool:
            start = block_structure.get_xblock_field(key, "start")
            return start is not None and start > timezone.now()

        return [block_structure.create_removal_filter(is_ahead)]
