"""What a poisoned item is, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from tests.poison.answers import SHAPES, TOKENS
from tests.poison.errors import CANARY, errors
from tests.poison.values import COLUMNS
from tests.poison.world import Pair

ERRORS = errors()


class Place(StrEnum):
    """Where poison comes in; the six boundaries of the design, some of them at several items."""

    RECEIVER = "a signal's receiver"
    COURSE = "reading a course run"
    LEARNER = "reading a learner"
    OUTLINE = "reading an outline"
    PROGRESS = "reading a learner's progress"
    NAME = "naming a learner"
    STATEMENT = "building a statement"
    ROW = "writing rows"
    FAILURE_ROW = "writing down what failed"
    ANSWER = "the answer of Percipio"
    REQUEST = "a request to Percipio"
    DESTINATION = "a destination"
    TOKEN = "the answer of a token endpoint"
    VALUE = "a value of the platform's"
    SECRET = "an account's secret"
    RULE = "an account's rule"
    LINK = "a learner's link"
    STEP = "a part of a pass"


class Sight(StrEnum):
    """Where an operator sees it."""

    SET_ASIDE = "among the observations that failed"
    HELD = "held back with a reason"
    ANSWERED = "the statement, with its answer"
    FAILING = "the destination, with its last error"
    LOGGED = "in the log"
    ANYWHERE = "in one of these places, if nothing arrives"


@dataclass
class Poison:
    """One poisoned item.

    Arguments:
        name: what is poisoned, and with what.
        pairs: who is hurt by it.
        on: poisons for as long as the context lasts.
        sight: where it has to be seen.
        least: what of each of them arrives all the same.
        may_arrive: whether the others of their statements may arrive as well.
        changes_truth: whether something else may be true of them then, so that something else may be told.
        log: what the line in the log begins with, where it is seen there.
    """

    name: str
    pairs: frozenset[Pair]
    on: Callable[[], AbstractContextManager[Any]]
    sight: Sight
    least: list[str] = field(default_factory=list)
    may_arrive: bool = False
    changes_observed: bool = False
    log: str = ""


class Cycle:
    """Draws without repeating anything before everything was drawn, so that a long run leaves nothing out."""

    def __init__(self, things: Sequence[Any]) -> None:
        self._things = list(things)
        self._left: list[Any] = []
        self.drawn: set[Any] = set()

    def draw(self, rng: Random) -> Any:
        """The next one."""
        if not self._left:
            self._left = rng.sample(self._things, len(self._things))
        drawn = self._left.pop()
        self.drawn.add(drawn)
        return drawn

    def give_back(self, thing: Any) -> None:
        """It came to nothing this time."""
        self.drawn.discard(thing)
        self._left.insert(0, thing)

    @property
    def is_through(self) -> bool:
        """Whether everything was drawn."""
        return len(self.drawn) == len(self._things)


class Drawn:
    """The kinds that are still to come."""

    def __init__(self) -> None:
        self.classes = Cycle(sorted(ERRORS))
        self.shapes, self.tokens = Cycle(sorted(SHAPES)), Cycle(sorted(TOKENS))
        self.columns = Cycle(COLUMNS)

    def is_through(self, places: Collection[Place]) -> bool:
        """Whether nothing is left that these places are there for.

        Every shape of an answer, or every column and every class of exceptions, each at one place at least.
        """
        if Place.ANSWER in places:
            return self.shapes.is_through
        if Place.TOKEN in places:
            return self.tokens.is_through
        return self.columns.is_through and self.classes.is_through

    def error(self, rng: Random, but: Collection[str] = ()) -> tuple[str, Exception]:
        """A class of exceptions, and one of it.

        Arguments:
            but: classes that are no failure there; they are drawn for others.
        """
        passed_over = []
        while (name := self.classes.draw(rng)) in but:
            passed_over.append(name)
        for one in passed_over:
            self.classes.give_back(one)
        kind = type(ERRORS[name])
        return name, kind.__new__(kind, CANARY)


def tenth(things: Sequence[Any], rng: Random) -> list[Any]:
    """A tenth of them, at least one."""
    return rng.sample(things, max(1, round(len(things) / 10)))
