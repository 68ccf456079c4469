"""The rows of the table, in its order."""

from __future__ import annotations

from importlib import import_module

from benchmarks.speed.case import Row

NAMES = (
    *("capture", "broker", "observe", "transform", "delivery", "several"),
    *("end_to_end", "latency", "history", "progress", "catalog", "growth", "startup"),
)


def row(name: str) -> Row:
    """One row; only what it needs is imported."""
    found: Row = import_module(f"benchmarks.speed.rows.{name}").ROW
    return found
