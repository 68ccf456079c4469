"""The poison harness: at every boundary a tenth of the items is poisoned, and all others arrive."""

from __future__ import annotations

from tests.poison.errors import CANARY, FEW, TEXTS, errors

__all__ = ["CANARY", "FEW", "TEXTS", "errors"]
