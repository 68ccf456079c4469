"""Which run of a course a learner goes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.items import Standing, standing
from percipio_openedx.data import CourseRun
from percipio_openedx.launch.views import in_order, own_run

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def run(key: str = "run", **days: int) -> CourseRun:
    """A run whose times are given in days from now."""
    times: dict[str, Any] = {name: NOW + DAY * number for name, number in days.items()}
    return CourseRun(key, "DemoX", "CS101", key, **times)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (run(), Standing.OPEN),
        (run(start=-9, end=9), Standing.OPEN),
        (run(start=9), Standing.OPEN),
        (run(enrollment_start=-1, enrollment_end=1), Standing.OPEN),
        (run(enrollment_start=0), Standing.OPEN),
        (run(enrollment_start=1), Standing.UPCOMING),
        (run(enrollment_end=0), Standing.CLOSED),
        (run(enrollment_end=-1, end=9), Standing.CLOSED),
        (run(end=-1), Standing.CLOSED),
        (run(end=-1, enrollment_end=5), Standing.CLOSED),
        (run(enrollment_start=1, end=-1), Standing.CLOSED),
    ],
)
def test_a_run_can_be_joined_by_its_dates(one: CourseRun, expected: Standing) -> None:
    assert standing(one, NOW) is expected


def test_the_best_to_join_comes_first() -> None:
    runs = [
        run("ended long ago", start=-900, end=-800),
        run("ended", start=-90, end=-30),
        run("opens later", enrollment_start=60),
        run("opens next", enrollment_start=5),
        run("begins later", start=30),
        run("begins soon", start=3),
        run("goes on", start=-5, end=90),
        run("goes on longer", start=-50, end=90),
        run("always open"),
    ]
    joined = ["goes on", "goes on longer", "always open", "begins soon", "begins later"]
    others = ["opens next", "opens later", "ended", "ended long ago"]
    assert [one.key for one in in_order(runs, NOW)] == [*joined, *others]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], None),
        ([run("ended", start=-90, end=-30)], "ended"),
        ([run("ended", start=-9, end=-1), run("goes on", start=-90)], "goes on"),
        ([run("old", start=-90), run("new", start=-9)], "new"),
        ([run("goes on", start=-90), run("begins soon", start=3)], "goes on"),
        ([run("ended", start=-90, end=-30), run("begins soon", start=3)], "begins soon"),
    ],
)
def test_a_learner_goes_to_the_newest_run_that_goes_on(runs: list[CourseRun], expected: str | None) -> None:
    found = own_run(runs, NOW)
    assert (found and found.key) == expected


_DAYS = st.none() | st.integers(-5, 5)
_RUNS = st.builds(
    lambda key, **days: run(key, **{name: number for name, number in days.items() if number is not None}),
    st.text("abc", min_size=1, max_size=3),
    **dict.fromkeys(("start", "end", "enrollment_start", "enrollment_end"), _DAYS),
)


@given(st.lists(_RUNS, unique_by=lambda one: one.key), st.randoms())
def test_the_order_is_whole_and_does_not_depend_on_the_database(runs: list[CourseRun], random: Any) -> None:
    ordered = in_order(runs, NOW)
    ranks = [list(Standing).index(standing(one, NOW)) for one in ordered]
    assert sorted(one.key for one in ordered) == sorted(one.key for one in runs)
    assert ranks == sorted(ranks)
    shuffled = random.sample(runs, len(runs))
    assert in_order(shuffled, NOW) == ordered
    assert own_run(shuffled, NOW) == own_run(runs, NOW)
