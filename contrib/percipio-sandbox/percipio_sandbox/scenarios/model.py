"""What a scenario is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer
from percipio_sandbox.routes import Kind

Act = Callable[[Call], Answer]
"""Answers one request; may raise `Refusal`, and calls `call.ordinary()` to behave like a healthy Percipio."""


class ScenarioError(ValueError):
    """The text that names scenarios cannot be understood; the message says why."""


class Stage(Enum):
    """Which requests a scenario concerns; all others find a healthy Percipio."""

    TOKEN = "token requests"  # noqa: S105 - a description
    API = "API requests"
    CONTENT = "imports of the catalog"
    BOTH = "all requests"

    def concerns(self, kind: Kind) -> bool:
        """Tell whether a request of this kind is one of them."""
        if self is Stage.CONTENT:
            return kind is Kind.CONTENT
        return self is Stage.BOTH or (self is Stage.TOKEN) == (kind is Kind.TOKEN)


@dataclass(frozen=True)
class Settings:
    """What an act is made from: the argument after `=` (or the default) and the source of chance."""

    argument: str
    random: Random


@dataclass(frozen=True)
class Scenario:
    """One named behaviour.

    `make` builds the act, so that each use in a plan has its own memory; it raises `ScenarioError` for an
    argument that it does not understand. `argument` is the default; `meaning` says what it stands for, and
    an empty meaning says that the scenario takes none. With `in_seconds` a plain number after the colon is
    a time, not a count.
    """

    name: str
    description: str
    stage: Stage
    make: Callable[[Settings], Act]
    argument: str = ""
    meaning: str = ""
    in_seconds: bool = False


def always(answer: Answer) -> Callable[[Settings], Act]:
    """Return the maker of an act that gives one answer to everything and does nothing."""
    return lambda settings: lambda call: answer


def number(text: str, what: str, lowest: float = 0.0) -> float:
    """Return a decimal number from an argument.

    Raises:
        ScenarioError: when it is none, or lower than `lowest`.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) is None or float(text) < lowest:
        raise ScenarioError(f"{what} must be a number of at least {lowest:g}, not {text!r}")
    return float(text)


def whole(text: str, what: str) -> int:
    """Return a whole number of at least 1 from an argument.

    Raises:
        ScenarioError: when it is none.
    """
    value = number(text, what, lowest=1)
    if value != int(value):
        raise ScenarioError(f"{what} must be a whole number, not {text!r}")
    return int(value)
