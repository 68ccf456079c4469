"""The kinds of block that a demo course has, as far as completion asks about them."""

from __future__ import annotations

from xblock.completable import XBlockCompletionMode
from xblock.core import XBlock
from xblock.plugin import PLUGIN_CACHE

from .item_bank_block import ItemBankMixin


class HtmlBlock(XBlock):  # type: ignore[misc]
    """A text: complete when it was seen."""


class VideoBlock(XBlock):  # type: ignore[misc]
    """A video: says itself how far it was watched."""

    has_custom_completion = True
    completion_mode = XBlockCompletionMode.COMPLETABLE


class ProblemBlock(XBlock):  # type: ignore[misc]
    """A problem: complete when it was answered."""

    has_score = True


class DiscussionBlock(XBlock):  # type: ignore[misc]
    """A discussion: nobody completes it."""

    completion_mode = XBlockCompletionMode.EXCLUDED


class SequenceBlock(XBlock):  # type: ignore[misc]
    """What holds other blocks, and is complete when they are."""

    completion_mode = XBlockCompletionMode.AGGREGATOR


class BankBlock(ItemBankMixin, SequenceBlock):
    """A bank of questions, of which each learner has some."""


KINDS = {
    "html": HtmlBlock,
    "video": VideoBlock,
    "problem": ProblemBlock,
    "discussion": DiscussionBlock,
    **dict.fromkeys(("course", "chapter", "sequential", "vertical", "split_test", "conditional"), SequenceBlock),
    **dict.fromkeys(("library_content", "itembank"), BankBlock),
}


def register() -> None:
    """Make the kinds known, which the platform does by entry points of its own."""
    for name, kind in KINDS.items():
        PLUGIN_CACHE.setdefault((XBlock.entry_point, name), kind)
