"""At every boundary a random tenth of the items is poisoned: all others arrive, and in the end these, too.

The short form goes to each boundary, the long one leaves no class of exceptions and no shape of an answer out:
``make poison``. A seed that failed is run again with ``PERCIPIO_POISON_SEED=<seed>``.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest

from percipio_openedx.bulkheads import Boundary
from tests.poison.harness import run
from tests.poison.kinds import KINDS, Cycle, Drawn, Place
from tests.poison.percipio import Percipio
from tests.poison.steps import run_steps
from tests.poison.taken_out import without_bulkhead, without_handler
from tests.poison.world import PROGRESS, World
from tests.unit.test_architecture import BROAD_EXCEPTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

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
)
# Seconds for the long form, about, on one database.
LONGEST = 150.0


@pytest.fixture
def world(reporting: Any) -> Iterator[World]:
    """The class, and a pretend Percipio."""
    with Percipio() as percipio:
        reporting.PERCIPIO_API_URL = percipio.odd.url
        reporting.PERCIPIO_TOKEN_URL = percipio.odd.token_url
        reporting.PERCIPIO_ORGANIZATION_FROM = "sso:org"
        built = World.build(percipio)
        built.renew()
        built.notice(built.expected)
        with built.time():
            done = built.work()
        assert not done.broken
        assert (built.told(), built.left(), percipio.wrong, built.misled()) == (built.expected, {}, [], [])
        built.asked = built.calls(PROGRESS)
        yield built


def test_all_others_arrive(world: World) -> None:
    seed, drawn = int(GIVEN or 1), Drawn()
    wrong = run_steps(world, seed, drawn)
    for places in TOGETHER:
        wrong += run(world, places, seed, drawn, doctor=Place.COURSE in places)
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
    ("capture/boundary.py 0", partial(without_handler, "capture/boundary.py", 0), Place.RECEIVER),
    ("edx_platform/door.py 0", partial(without_handler, "edx_platform/door.py", 0), Place.OUTLINE),
    ("delivery/posting.py 0", partial(without_handler, "delivery/posting.py", 0), Place.REQUEST),
    ("delivery/dispatcher.py 0", partial(without_handler, "delivery/dispatcher.py", 0), Place.DESTINATION),
    ("delivery/dispatcher.py 1", partial(without_handler, "delivery/dispatcher.py", 1), Place.DESTINATION),
]


def test_a_boundary_that_is_taken_out_is_noticed(world: World) -> None:
    unnoticed = []
    for name, take_out, place in TAKEN_OUT:
        with take_out():
            if place is Place.STEP:
                wrong = run_steps(world, 1, Drawn())
            else:
                wrong = run(world, [place], 1, Drawn(), stops=True)
        print(name, wrong)
        if not wrong:
            unnoticed.append(name)
    assert unnoticed == []


def test_every_boundary_is_taken_out_once() -> None:
    """And every place is poisoned."""
    handlers = {f"{path} {number}" for path, count in BROAD_EXCEPTS.items() for number in range(count)}
    names = {name for name, _, _ in TAKEN_OUT}
    assert handlers | {boundary.value for boundary in Boundary} <= names
    assert {place for places in TOGETHER for place in places} == set(KINDS)
    assert set(Place) - set(KINDS) == {Place.STEP}


@pytest.mark.exhaustive
def test_every_class_of_exceptions_and_every_shape_of_an_answer(world: World) -> None:
    seed = int(GIVEN) if GIVEN else random.SystemRandom().randrange(10**6)
    drawn = Drawn()
    began = time.monotonic()
    wrong = run_steps(world, seed, drawn)
    rounds = 0
    while not (drawn.is_through and rounds) and time.monotonic() < began + LONGEST * 4:
        rounds += 1
        for places in TOGETHER:
            wrong += run(world, places, seed + rounds, drawn, doctor=rounds == 1)
    print(f"seed {seed}, {rounds} rounds, {time.monotonic() - began:.0f} s")
    assert not wrong, "\n".join(wrong)
    assert drawn.is_through, Cycle
