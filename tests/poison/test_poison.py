"""At every boundary a random tenth of the items is poisoned: all others arrive, and in the end these, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.poison.harness import run
from tests.poison.kinds import Drawn, Place
from tests.poison.percipio import Percipio
from tests.poison.world import PROGRESS, World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

SEED = int(os.environ.get("PERCIPIO_POISON_SEED", "1"))


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


@pytest.mark.parametrize("place", Place)
def test_all_others_arrive(world: World, place: Place) -> None:
    wrong = run(world, [place], SEED, Drawn())
    assert not wrong, "\n".join(wrong)
