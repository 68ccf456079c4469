"""Isolate failures: what goes wrong with one item stays with that item (docs/architecture.md, *Bulkheads*).

A bulkhead is an ``except Exception`` that names its boundary, records what became of the item, and goes on with the
next one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from enum import StrEnum
from types import TracebackType
from typing import TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error, InterfaceError, OperationalError, connections

from percipio_openedx.exceptions import PercipioConfigurationError, PercipioError

Item = TypeVar("Item", bound=Hashable)
Result = TypeVar("Result")

# If this many random items break alone and none succeeds, the items are not the problem.
MOST_ALONE = 5

LONGEST_REASON = 255

# MySQL and MariaDB: the rows are locked ("Lock wait timeout exceeded", "Deadlock found", NOWAIT).
_LOCKED = frozenset({1205, 1213, 3572})


class Boundary(StrEnum):
    """Where a bulkhead stands, by the item that it sets aside."""

    COURSE = "course"
    LEARNER = "learner"
    PROGRESS = "progress"
    NAME = "name"
    STATEMENT = "statement"
    ROW = "row"
    STEP = "step"


class bulkhead:
    """A context that stops any ``Exception`` of one item and keeps it as ``error``; a worker's time limit passes.

    Arguments:
        passes_outages: an error that is no item's fault (``is_outage``) passes, too.
    """

    def __init__(self, boundary: Boundary, *, passes_outages: bool = False) -> None:
        self.boundary, self.passes_outages = boundary, passes_outages
        self.error: Exception | None = None

    @property
    def reason(self) -> str:
        """Return the error without anything that it quotes, ``''`` without one."""
        return "" if self.error is None else reason_of(self.error)

    def __enter__(self) -> bulkhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, SoftTimeLimitExceeded):
            return False
        self.error = error
        # The next item needs a working connection. In a transaction only its owner can begin again.
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
        return not (self.passes_outages and is_outage(error))


def apart(
    boundary: Boundary, items: Sequence[Item], work: Callable[[Sequence[Item]], Result]
) -> tuple[list[Result], dict[Item, Exception]]:
    """Do work on all items at once; if it fails, bisect until the failing items are alone.

    Arguments:
        work: leaves nothing behind when it raises, so that it can be repeated with fewer items.

    Returns:
        The results of the parts that succeeded, and by item the errors of those that failed alone.

    Raises:
        Exception: the database is down, or several items failed and none succeeded: it is not the items.
    """
    results: list[Result] = []
    broken: dict[Item, Exception] = {}
    parts: list[Sequence[Item]] = [items] if items else []
    while parts:
        part = parts.pop()
        with bulkhead(boundary, passes_outages=True) as contained:
            results.append(work(part))
        error = contained.error
        if error is None:
            continue
        if len(part) > 1:
            # Shuffled once: failing items may stand together, and would always come first.
            mixed = random.sample(part, len(part)) if part is items else part
            middle = len(mixed) // 2
            parts += [mixed[middle:], mixed[:middle]]
            continue
        broken[part[0]] = error
        if len(broken) >= MOST_ALONE and not results:
            raise error
    return results, broken


def reason_of(error: Exception) -> str:
    """Return what operators may read of an error: our message, or the class of a foreign one (which quotes)."""
    ours = isinstance(error, PercipioError | PercipioConfigurationError)
    text = str(error) if ours else type(error).__name__
    return text.encode("ascii", "backslashreplace").decode("ascii")[:LONGEST_REASON]


def is_outage(error: BaseException) -> bool:
    """Whether an error is about the database as a whole, or another's lock, not a row or course.

    If an error may mean either, the database is asked: one that answers is not down.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, OperationalError | InterfaceError):
            code = cause.args[0] if cause.args else None
            is_lock = code in _LOCKED if isinstance(code, int) else "lock" in str(code)
            return is_lock or not _databases_answer()
        seen.add(id(cause))
        cause = cause.__cause__
    return False


def _databases_answer() -> bool:
    try:
        for connection in connections.all(initialized_only=True):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
    except Error:
        return False
    return True
