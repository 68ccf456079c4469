"""At every boundary a random tenth of the items is poisoned: all others arrive, and in the end these, too.

The short form goes to each boundary, the long one leaves no class of exceptions and no shape of an answer out:
``make poison``. A seed that failed is run again with ``PERCIPIO_POISON_SEED=<seed>``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

import pytest

from percipio_openedx.bulkheads import Boundary
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import LearnerNotNamed, PercipioConfigurationError
from percipio_openedx.reporting import identity
from tests.poison import of_accounts
from tests.poison.harness import run
from tests.poison.kinds import KINDS
from tests.poison.model import Drawn, Place
from tests.poison.percipio import Percipio
from tests.poison.steps import ACTS, run_steps
from tests.poison.taken_out import without_bulkhead, without_handler
from tests.poison.world import CUSTOMERS, World
from tests.unit.test_architecture import BROAD_EXCEPTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("completing", "no_calls"),
]

GIVEN = os.environ.get("PERCIPIO_POISON_SEED", "")
# What is poisoned at the same time; of the class enough stays healthy.
TOGETHER = (
    (Place.RECEIVER,),
    (Place.COURSE, Place.LEARNER, Place.PROGRESS),
    (Place.NAME, Place.STATEMENT, Place.ROW, Place.FAILURE_ROW),
    (Place.OUTLINE, Place.VALUE),
    (Place.ANSWER, Place.REQUEST),
    (Place.DESTINATION,),
    (Place.TOKEN,),
    (Place.SECRET, Place.LINK),
    (Place.RULE,),
)
# Of the long form, at each of them.
ROUNDS = 4


@contextmanager
def a_class(reporting: Any, learners: int, courses: int) -> Iterator[World]:
    """A class of which everything arrives at a pretend Percipio as long as nothing is poisoned."""
    with Percipio() as percipio:
        reporting.PERCIPIO_API_URL = percipio.odd.url
        reporting.PERCIPIO_TOKEN_URL = percipio.odd.token_url
        reporting.PERCIPIO_ORGANIZATION_FROM = "sso:org"
        built = World.build(percipio, learners, courses)
        built.renew()
        built.notice(built.expected)
        with built.time():
            done = built.work()
        assert not done.broken
        assert (built.reported(), built.left(), percipio.wrong, built.misled()) == (built.expected, {}, [], [])
        yield built


@pytest.fixture
def small(reporting: Any) -> Iterator[World]:
    """For the short form."""
    with a_class(reporting, learners=12, courses=6) as built:
        yield built


@pytest.fixture
def smallest(reporting: Any) -> Iterator[World]:
    """To show that the harness notices."""
    with a_class(reporting, learners=8, courses=6) as built:
        yield built


@pytest.fixture
def large(reporting: Any) -> Iterator[World]:
    """For the long form."""
    with a_class(reporting, learners=40, courses=10) as built:
        yield built


def test_all_others_arrive(small: World) -> None:
    seed, drawn = int(GIVEN or 1), Drawn()
    wrong = run_steps(small, seed, drawn)
    for places in TOGETHER:
        wrong += run(small, places, seed, drawn, doctor=Place.COURSE in places)
    assert not wrong, "\n".join(wrong)


TakeOut = Callable[[], AbstractContextManager[None]]
# By boundary that is taken out, where poison shows it.
TAKEN_OUT: list[tuple[str, TakeOut, Place]] = [
    ("course", partial(without_bulkhead, Boundary.COURSE), Place.COURSE),
    ("learner", partial(without_bulkhead, Boundary.LEARNER), Place.LEARNER),
    ("progress", partial(without_bulkhead, Boundary.PROGRESS), Place.PROGRESS),
    ("name", partial(without_bulkhead, Boundary.NAME), Place.NAME),
    ("statement", partial(without_bulkhead, Boundary.STATEMENT), Place.STATEMENT),
    ("row", partial(without_bulkhead, Boundary.ROW), Place.ROW),
    ("row of a failure", partial(without_bulkhead, Boundary.ROW), Place.FAILURE_ROW),
    ("step", partial(without_bulkhead, Boundary.STEP), Place.STEP),
    ("capture/wake.py 0", partial(without_handler, "capture/wake.py", 0), Place.RECEIVER),
    ("edx_platform/door.py 0", partial(without_handler, "edx_platform/door.py", 0), Place.OUTLINE),
    ("delivery/sender.py 0", partial(without_handler, "delivery/sender.py", 0), Place.REQUEST),
    ("delivery/dispatcher.py 0", partial(without_handler, "delivery/dispatcher.py", 0), Place.DESTINATION),
    ("delivery/dispatcher.py 1", partial(without_handler, "delivery/dispatcher.py", 1), Place.DESTINATION),
]


def test_a_learner_who_falls_to_another_account_is_noticed(smallest: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where an account that cannot be used, or asked, were passed over."""
    account_for = identity.account_for

    def careless(learner: Any, configuration: Any) -> Any:
        usable = [one for one in configuration.accounts if isinstance(one.in_force, Configuration)]
        with suppress(LearnerNotNamed, PercipioConfigurationError):
            if (found := account_for(learner, configuration)) in usable:
                return found
        return next(iter(usable), None)

    monkeypatch.setattr(identity, "account_for", careless)
    places = (Place.SECRET, Place.RULE)
    assert [place for place in places if not any(run_at(smallest, place, seed) for seed in range(1, 5))] == []


def test_a_learner_who_is_guessed_to_be_of_one_of_two_accounts_is_noticed(
    smallest: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def guessed(links: Any, key: str, wanted: set[str]) -> Any:
        return [link for link in links if identity._texts((link.extra_data or {}).get(key)) & wanted] or None

    monkeypatch.setattr(of_accounts, "LINKS", ({"customer": list(CUSTOMERS)},))
    assert run_at(smallest, Place.LINK, 1) == []
    monkeypatch.setattr(identity, "_with_value", guessed)
    assert run_at(smallest, Place.LINK, 1) != []


def test_a_boundary_that_is_taken_out_is_noticed(smallest: World) -> None:
    assert [name for name, take_out, place in TAKEN_OUT if not is_noticed(smallest, take_out, place)] == []


def is_noticed(world: World, take_out: TakeOut, place: Place) -> bool:
    """Whether the harness says so. Not every draw shows it: a learner who is alone in a course harms nobody there."""
    with take_out():
        return any(bool(run_at(world, place, seed)) for seed in range(1, 4))


def run_at(world: World, place: Place, seed: int) -> list[str]:
    """What the harness says of one place."""
    if place is Place.STEP:
        return run_steps(world, seed, Drawn(), list(ACTS)[seed : seed + 1])
    return run(world, [place], seed, Drawn(), stops=True)


def test_every_boundary_is_taken_out_once() -> None:
    """And every place is poisoned."""
    handlers = {f"{path} {number}" for path, count in BROAD_EXCEPTS.items() for number in range(count)}
    names = {name for name, _, _ in TAKEN_OUT}
    assert handlers | {boundary.value for boundary in Boundary} <= names
    assert {place for places in TOGETHER for place in places} == set(KINDS)
    assert set(Place) - set(KINDS) == {Place.STEP}


@pytest.mark.exhaustive
def test_every_class_of_exceptions_and_every_shape_of_an_answer(large: World) -> None:
    first = int(GIVEN) if GIVEN else random.SystemRandom().randrange(10**6)
    drawn, wrong, seed = Drawn(), [], first
    wrong += run_steps(large, seed, drawn)
    while left := [places for places in TOGETHER if seed < first + ROUNDS or not drawn.is_through(places)]:
        for places in left:
            wrong += run(large, places, seed, drawn, doctor=seed == first)
        seed += 1
    assert not wrong, "\n".join(wrong)
