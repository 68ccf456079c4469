"""Poison in the database: rows that it does not take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from random import Random
from typing import Any

from django.db import connection

from tests.integration.builders import one_by_one
from tests.poison.model import Drawn, Poison, Sight, tenth
from tests.poison.world import PROGRESSED, World


@contextmanager
def refusing(act: str, table: str, needle: str, error: Exception) -> Iterator[None]:
    """Each statement of SQL that does this to this table, and speaks of this number or text, fails."""
    about = re.compile(rf"\b{act}\b.*\b{table}\b", re.DOTALL)
    word = re.compile(rf"(?<![\w.]){re.escape(needle)}(?!\w)")

    def executing(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if about.search(sql) and (word.search(sql) or any(_text(param) == needle for param in params or ())):
            raise error
        return execute(sql, params, many, context)

    with connection.execute_wrapper(executing):
        yield


def _text(param: Any) -> str:
    return str(param).replace("-", "") if len(str(param)) == 36 else str(param)


def at_a_row(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A row that the database does not take. One at least when the platform was asked for the learner's progress.

    Which it is for each, since what a batch that breaks costs is that it is asked again.
    """
    asked = [pair for pair, verbs in world.expected.items() if verbs == PROGRESSED]
    for number, pair in enumerate([*tenth(asked, rng), *tenth(list(world.expected), rng)]):
        name, error = drawn.error(rng)
        table = rng.choice(("statement", "learnercourse")) if number else "statement"
        needle = world.registration_of(pair).replace("-", "")
        yield Poison(
            f"the row in {table} of {pair}: {name}",
            frozenset([pair]),
            lambda table=table, needle=needle, error=error: all_of(
                one_by_one(), refusing("INSERT", f"percipio_openedx_{table}", needle, error)
            ),
            Sight.SET_ASIDE,
        )


def at_a_failure_row(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner who cannot be read, and not even that can be written down: the notice stays."""
    for user_id in tenth(list(world.learners), rng):
        (name, first), (_, second) = drawn.error(rng), drawn.error(rng)
        yield Poison(
            f"that {user_id} failed: {name}",
            world.pairs_of(user_id),
            lambda user_id=str(user_id), first=first, second=second: all_of(
                refusing("SELECT", "grades_persistentcoursegrade", user_id, second),
                refusing("INSERT", "percipio_openedx_observationfailure", user_id, first),
            ),
            Sight.LOGGED,
            log="failure not kept",
        )


@contextmanager
def all_of(*contexts: AbstractContextManager[Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield
