"""Due dates of single learners, which nothing that counts units reads.

Sources: `edx_when.field_data.DateOverrideTransformer` and `course_blocks/transformers/load_override_data.py`, 2026.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from openedx.core.djangoapps.content.block_structure.transformer import BlockStructureTransformer


class DateOverrideTransformer(BlockStructureTransformer):
    """Reads dates."""

    def __init__(self, user: User) -> None:
        self.user = user

    @classmethod
    def name(cls) -> str:
        return "load_date_data"

    def transform(self, usage_info: Any, block_structure: Any) -> None:
        """Nothing that shows in counts."""


class OverrideDataTransformer(DateOverrideTransformer):
    """Reads overrides of fields, dates only."""

    @classmethod
    def name(cls) -> str:
        return "load_override_data"
