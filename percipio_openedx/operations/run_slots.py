"""Run slots: limit concurrent runs through the LMS's shared cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

from django.core.cache import cache

KEY = "percipio_openedx:slot:%d"


class Slot(NamedTuple):
    """One slot; ``has_neighbor`` says that there is another after it."""

    number: int
    has_neighbor: bool


def in_use(count: int) -> int:
    """Return how many of ``count`` slots are taken now."""
    return len(cache.get_many([KEY % slot for slot in range(count)]))


@contextmanager
def taken(count: int, longest: float) -> Iterator[Slot | None]:
    """Take one of ``count`` slots; None when enough runs are at work. It frees itself after ``longest`` seconds.

    A cache that stores nothing gives everyone the first slot and no neighbor: concurrent runs are safe, and none starts
    a second one.
    """
    token = uuid4().hex
    number = next((slot for slot in range(count) if cache.add(KEY % slot, token, timeout=int(longest))), None)
    if number is None:
        yield None
        return
    is_ours = cache.get(KEY % number) == token
    try:
        yield Slot(number, has_neighbor=is_ours and number + 1 < count)
    finally:
        if is_ours:
            cache.delete(KEY % number)
