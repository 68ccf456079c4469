"""Errors of the collected structures: from `Exception` alone, as on the platform."""

from __future__ import annotations

from typing import Any


class BlockStructureException(Exception):
    """Base class of them all."""


class TransformerException(BlockStructureException):
    """A transformer is not registered, or fails."""


class UsageKeyNotInBlockStructure(BlockStructureException):
    """The structure has no such block."""


class TransformerDataIncompatible(BlockStructureException):
    """What was collected is of another version."""


class BlockStructureNotFound(BlockStructureException):
    """There is no structure, and none can be made: a block of a type that is not installed, say."""

    def __init__(self, root_block_usage_key: Any) -> None:
        super().__init__(f"Block structure not found; data_usage_key: {root_block_usage_key}")
