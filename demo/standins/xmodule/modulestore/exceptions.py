"""Errors of the course store."""

from __future__ import annotations


class ItemNotFoundError(Exception):
    """There is no such course or block."""
