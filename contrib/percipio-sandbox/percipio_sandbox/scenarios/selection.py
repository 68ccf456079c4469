"""Which statements of a batch a scenario picks on."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from typing import Any

from percipio_sandbox.scenarios.model import whole

_EVERY = re.compile(r"(?P<every>\d+)(?P<once>-once)?", re.ASCII)

MEANING = (
    "N: every N-th new statement, always the same ones; N-once: those, but only at their first try; "
    "other text: the statements that contain it"
)


class Selector:
    """Picks statements; the choice depends on the statement, never on the batch that it comes in.

    Arguments:
        argument: `N` counts statements (by their ids) in the order in which they are first seen and picks
            every N-th of them, again whenever it returns; `N-once` picks each only at its first try; any
            other text picks the statements whose JSON contains it.

    Raises:
        ScenarioError: when N is not at least 1.
    """

    def __init__(self, argument: str) -> None:
        match = _EVERY.fullmatch(argument)
        self._text = argument if match is None else ""
        self._every = 0 if match is None else whole(match["every"], "the interval")
        self.once = match is not None and match["once"] is not None
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def picks(self, statement: dict[str, Any]) -> bool:
        """Tell whether this statement is one of them; counts it when it is new."""
        if self._text:
            return self._text in json.dumps(statement, ensure_ascii=False)
        identity = statement["id"].lower()
        with self._lock:
            known = identity in self._numbers
            place = self._numbers.setdefault(identity, len(self._numbers) + 1)
        return place % self._every == 0 and not (self.once and known)

    def picked(self, statements: Sequence[dict[str, Any]]) -> list[bool]:
        """Return for each statement whether it is one of them; all are counted."""
        return [self.picks(statement) for statement in statements]
