"""How many runs may work at the same time, counted in the LMS's shared cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

from django.core.cache import cache

KEY = "percipio_openedx:slot:%d"


class Slot(NamedTuple):
    """One of the places for a run. ``has_neighbor`` says that there is another one after it."""

    number: int
    has_neighbor: bool


@contextmanager
def taken(places: int, longest: float) -> Iterator[Slot | None]:
    """Take a place among so many; None when all are taken, for then enough runs are at work.

    A cache that remembers nothing gives the first place to everybody and no neighbour to anybody: runs are
    safe beside each other, and none calls a second one.

    Arguments:
        places: how many runs may work at once.
        longest: seconds after which a place that nobody gave back is free again.
    """
    token = uuid4().hex
    number = next((place for place in range(places) if cache.add(KEY % place, token, timeout=int(longest))), None)
    if number is None:
        yield None
        return
    is_ours = cache.get(KEY % number) == token
    try:
        yield Slot(number, has_neighbor=is_ours and number + 1 < places)
    finally:
        if is_ours:
            cache.delete(KEY % number)
