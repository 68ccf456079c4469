"""What a turn has claimed and not sent yet, and how it is put into requests. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar


class Claimed(Protocol):
    """What has to be known of a statement that is to be sent."""

    @property
    def body(self) -> bytes: ...

    @property
    def refusals(self) -> Mapping[str, int]: ...

    @property
    def refused_after(self) -> int | None: ...


C = TypeVar("C", bound=Claimed)


class Backlog(Generic[C]):
    """Statements in the order in which they are sent.

    First what is sent again in parts; then those of which nothing bad is known; then those that were in a request that
    failed, apart from the others, so that one of them breaks none of their requests; last those that failed alone
    before, each by itself.
    """

    def __init__(self) -> None:
        self._parts: deque[tuple[C, ...]] = deque()
        self._fresh: deque[C] = deque()
        self._suspected: deque[C] = deque()
        self._known: deque[C] = deque()

    def __bool__(self) -> bool:
        return bool(self._parts or self._fresh or self._suspected or self._known)

    @property
    def has_fresh(self) -> bool:
        """Whether there are any of which nothing bad is known, and that are not to be sent again in parts."""
        return bool(self._fresh)

    def add(self, rows: Iterable[C]) -> None:
        """Take up what was claimed."""
        for row in rows:
            if row.refusals:
                self._known.append(row)
            elif row.refused_after is not None:
                self._suspected.append(row)
            else:
                self._fresh.append(row)

    def put_before(self, parts: Sequence[tuple[C, ...]]) -> None:
        """These requests are sent before all others, in this order."""
        self._parts.extendleft(reversed([part for part in parts if part]))

    def take(self, most: int, room: int) -> tuple[C, ...]:
        """The next request; nothing if there is nothing.

        Arguments:
            most: statements in it, at most; parts are as large as they are.
            room: bytes in it, at most, unless the first statement alone is larger.
        """
        if self._parts:
            return self._parts.popleft()
        if not self._fresh and not self._suspected:
            return (self._known.popleft(),) if self._known else ()
        line = self._fresh or self._suspected
        rows: list[C] = []
        while line and len(rows) < most and (not rows or len(line[0].body) <= room):
            row = line.popleft()
            room -= len(row.body) + 1
            rows.append(row)
        return tuple(rows)

    def take_single(self) -> tuple[C, ...]:
        """A single statement, from as far away as possible of what is sent next: it tells whose a failure is."""
        if self._fresh:
            return (self._fresh.pop(),)
        if self._parts:
            *rest, last = self._parts.pop()
            if rest:
                self._parts.append(tuple(rest))
            return (last,)
        line = self._suspected or self._known
        return (line.pop(),) if line else ()
