"""Many learners of a course run are answered for at once, with the numbers that the platform has for each of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH
from django.db import transaction
from edx_toggles.toggles.testutils import override_waffle_switch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from percipio_openedx import edx_platform
from percipio_openedx.edx_platform import at_once
from percipio_openedx.edx_platform.course_facts import Remembered
from tests.integration.random_courses import KEY, World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _completing() -> Iterator[None]:
    with override_waffle_switch(ENABLE_COMPLETION_TRACKING_SWITCH, True):
        yield


def compare(world: World) -> tuple[int, int]:
    """Ask both ways; the number of learners who were counted at once, and of all."""
    users = edx_platform.users([user.pk for user in world.users])
    answered = edx_platform.course_progress(str(KEY), users)
    ours = {user_id: one for counted in answered.by_outline.values() for user_id, one in counted.items()}
    fresh = edx_platform.users(list(ours))
    theirs = {user_id: edx_platform.learner_progress(str(KEY), fresh[user_id]) for user_id in ours}
    assert ours == theirs
    assert len(ours) + answered.left.total() == len(world.users)
    return len(ours), len(world.users)


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), banks=st.booleans())
def test_both_ways_count_alike(seed: int, banks: bool) -> None:
    """Through changes, while outlines are remembered."""
    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr(at_once, "FEW", 1)
        edx_platform.forget_outlines()
        random.seed(seed)
        world = World(seed, banks=banks and seed % 4 == 0)
        for _ in range(4):
            compare(world)
            world.change()
        compare(world)
        transaction.set_rollback(True)


@pytest.mark.slow
def test_locked_hidden_and_closed_are_counted_alike() -> None:
    """The random courses have it all: what is locked, what is left to the platform, and several outlines of one."""
    seen = {"locked": 0, "outlines": 0, "complete": 0, "at once": 0}
    for seed in range(8):
        with pytest.MonkeyPatch.context() as patch, transaction.atomic():
            patch.setattr(at_once, "FEW", 1)
            edx_platform.forget_outlines()
            random.seed(seed)
            world = World(seed)
            at, _ = compare(world)
            answered = edx_platform.course_progress(str(KEY), edx_platform.users([user.pk for user in world.users]))
            every = [one for counted in answered.by_outline.values() for one in counted.values()]
            seen["at once"] += at
            seen["outlines"] += len(answered.by_outline)
            seen["locked"] += sum(one.locked > 0 for one in every)
            seen["complete"] += sum(one.complete > 0 for one in every)
            transaction.set_rollback(True)
    assert seen["at once"] > 40
    assert seen["outlines"] > 20
    assert seen["complete"] > 20
    assert seen["locked"] > 0


def test_what_is_remembered_grows_no_older_by_being_taken_from_the_cache() -> None:
    known: Remembered[int] = Remembered("test", seconds=600, most=10)
    with time_machine.travel(datetime(2026, 5, 4, 8, tzinfo=UTC), tick=False) as clock:
        known.set("course", 1)
        # Another process.
        known.forget()
        clock.shift(590)
        assert known.get("course") == 1
        clock.shift(20)
        assert known.get("course") is None
