"""Run slots: how many runs may work at the same time, counted in the LMS's shared cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

from django.core.cache import cache

KEY = "percipio_openedx:slot:%d"


class Slot(NamedTuple):
    """One of the slots. ``has_neighbor`` says that there is another one after it."""

    number: int
    has_neighbor: bool


@contextmanager
def taken(count: int, longest: float) -> Iterator[Slot | None]:
    """Take one of so many slots; None when all are taken, for then enough runs are at work.

    A cache that remembers nothing gives the first slot to everybody and no neighbor to anybody: runs are safe beside
    each other, and none calls a second one.

    Arguments:
        count: how many runs may work at once.
        longest: seconds after which a slot that nobody gave back is free again.
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
