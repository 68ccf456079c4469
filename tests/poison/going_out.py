"""Poison on the way out: requests, answers, destinations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest import mock

from urllib3.connectionpool import HTTPConnectionPool

from tests.poison.answers import SHAPES, TOKENS
from tests.poison.database import refusing
from tests.poison.model import Drawn, Poison, Sight, tenth
from tests.poison.world import DESTINATIONS, FIRST_DESTINATION, WITH_TOKENS, Pair, World

# What a token endpoint says in one run, one after the other.
TOKENS_IN_A_RUN = 5


def at_an_answer(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner's statements in a course run to which Percipio, or what stands before it, answers oddly."""
    for pair in tenth(list(world.expected), rng):
        shape = drawn.shapes.draw(rng)
        yield Poison(
            f"the answer to {pair}: {shape}",
            frozenset([pair]),
            lambda pair=pair, shape=shape: _answered(world, pair, shape, drawn),
            Sight.ANSWERED,
            may_arrive=True,
        )


@contextmanager
def _answered(world: World, pair: Pair, shape: str, drawn: Drawn) -> Iterator[None]:
    whose = world.registration_of(pair)
    with mock.patch.dict(world.percipio.poisoned, {whose: SHAPES[shape]}):
        yield
    if whose not in world.percipio.met:
        drawn.shapes.give_back(shape)


def at_a_request(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner's statements in a course run that break whatever sends them."""
    for pair in tenth(list(world.expected), rng):
        name, error = drawn.error(rng)
        needle = world.registration_of(pair).encode()
        yield Poison(
            f"the request with {pair}: {name}",
            frozenset([pair]),
            lambda needle=needle, error=error: _unsent(needle, error),
            Sight.ANSWERED,
        )


@contextmanager
def _unsent(needle: bytes, error: Exception) -> Iterator[None]:
    urlopen = HTTPConnectionPool.urlopen

    def sending(pool: Any, *args: Any, **how: Any) -> Any:
        if any(isinstance(part, bytes) and needle in part for part in (*args, *how.values())):
            raise error
        return urlopen(pool, *args, **how)

    with mock.patch.object(HTTPConnectionPool, "urlopen", sending):
        yield


def at_a_destination(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A destination's row, and that of an attempt at another one, that the database does not take."""
    numbers = rng.sample(range(DESTINATIONS), 2)
    for number, (act, table) in zip(numbers, (("UPDATE", "destination"), ("INSERT", "deliveryattempt")), strict=True):
        name, error = drawn.error(rng)
        yield Poison(
            f"{act} {table} of destination {number}: {name}",
            world.at_destination(number),
            lambda act=act, table=table, number=number, error=error: refusing(
                act, f"percipio_openedx_{table}", str(FIRST_DESTINATION + number), error
            ),
            Sight.LOGGED,
            may_arrive=True,
            log="delivery broke",
        )


def at_a_token(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """An account of a site gets no token, each time for another reason."""
    names = [drawn.tokens.draw(rng) for _ in range(TOKENS_IN_A_RUN)]
    yield Poison(
        f"the tokens of {WITH_TOKENS.account}: {names}",
        world.at(WITH_TOKENS),
        lambda: mock.patch.object(world.percipio, "tokens", [TOKENS[name] for name in names]),
        Sight.FAILING,
    )
