"""Makes the stand-ins raise what the platform raises for courses and learners that it cannot read. Tests switch it on.

Every function of the platform that reads a course, or asks something of one learner, passes by ``platform_call``
(``costs``), and so by here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

EVERY = "*"


@dataclass(frozen=True)
class Fault:
    """What breaks: a function by its name (``EVERY`` for any), in one course and for one learner, or for all (None)."""

    error: BaseException | type[BaseException]
    function: str = EVERY
    course_key: str | None = None
    user_id: int | None = None

    def strikes(self, function: str, course_key: Any, user_id: int | None) -> bool:
        """Whether this call breaks."""
        return (
            self.function in (EVERY, function)
            and self.course_key in (None, str(course_key))
            and self.user_id in (None, user_id)
        )


_faults: list[Fault] = []
# Whether what is collected of a course stays behind what is published of it.
_lagging: list[bool] = []


@contextmanager
def broken(*faults: Fault) -> Iterator[None]:
    """These faults, for a while."""
    _faults.extend(faults)
    try:
        yield
    finally:
        for fault in faults:
            _faults.remove(fault)


@contextmanager
def outline_lags() -> Iterator[None]:
    """Let what is published meanwhile be collected by nobody, as in the half minute before the platform's task runs."""
    _lagging.append(True)
    try:
        yield
    finally:
        _lagging.pop()


def is_lagging() -> bool:
    """Whether it is so now."""
    return bool(_lagging)


def strike(function: str, course_key: Any = None, user_id: int | None = None) -> None:
    """Raise the error of the first fault that is meant for this call."""
    for fault in _faults:
        if fault.strikes(function, course_key, user_id):
            raise fault.error
