"""Draws a learner's questions of each bank, and writes the draw down.

Source: `course_blocks/transformers/library_content.py` of edx-platform, 2026, where every `ItemBankMixin` is a bank.
The rows that asking writes (`StudentModule`) were seen in a real LMS for learners who never came.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from openedx.core.djangoapps.content.block_structure.transformer import (
    BlockStructureTransformer,
    FilteringTransformerMixin,
)
from xblock.core import XBlock
from xblock.plugin import PluginMissingError
from xmodule.item_bank_block import ItemBankMixin

from lms.djangoapps.courseware.models import StudentModule


def _is_bank(key: Any) -> bool:
    try:
        return issubclass(XBlock.load_class(key.block_type), ItemBankMixin)
    except PluginMissingError:
        return False


class ContentLibraryTransformer(FilteringTransformerMixin, BlockStructureTransformer):
    """Leaves of each bank what the learner drew; nobody is exempt."""

    @classmethod
    def name(cls) -> str:
        return "library_content"

    @classmethod
    def collect(cls, block_structure: Any) -> None:
        block_structure.request_xblock_fields("max_count")

    def transform_block_filters(self, usage_info: Any, block_structure: Any) -> list[Callable[[Any], bool]]:
        inside: set[Any] = set()
        drawn: set[Any] = set()
        for bank in [key for key in block_structure if _is_bank(key)]:
            children = block_structure.get_children(bank)
            inside.update(children)
            drawn.update(self._draw(usage_info, bank, children, block_structure.get_xblock_field(bank, "max_count")))
        return [block_structure.create_removal_filter(lambda key: key in inside and key not in drawn)]

    @staticmethod
    def _draw(usage_info: Any, bank: Any, children: list[Any], max_count: int | None) -> set[Any]:
        which = {"student": usage_info.user, "course_id": usage_info.course_key, "module_state_key": bank}
        row = StudentModule.objects.filter(**which).first()
        state = json.loads(row.state or "{}") if row is not None else {}
        known = {(key.block_type, key.block_id): key for key in children}
        before = [tuple(one) for one in state.get("selected", [])]
        selected = [one for one in before if one in known]
        count = len(children) if max_count is None or max_count < 0 else max_count
        left = [one for one in known if one not in selected]
        selected = selected[:count] + random.sample(left, max(0, min(count - len(selected), len(left))))
        if row is None or selected != before:
            state["selected"] = selected
            values = {"module_type": bank.block_type, "state": json.dumps(state)}
            StudentModule.objects.update_or_create(**which, defaults=values)
        return {known[one] for one in selected}


class ContentLibraryOrderTransformer(BlockStructureTransformer):
    """Puts the drawn into the learner's order, which does not show in counts."""

    @classmethod
    def name(cls) -> str:
        return "library_content_randomize"

    def transform(self, usage_info: Any, block_structure: Any) -> None:
        """Nothing that shows in counts."""
