"""Banks of questions. Source: `xmodule/item_bank_block.py` of edx-platform, 2026."""

from __future__ import annotations


class ItemBankMixin:
    """A block of which each learner has some children, drawn at random."""
