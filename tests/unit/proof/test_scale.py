"""The simulation of a large site loses nothing, and gets worse where it should."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.scale import Case, curve, simulate, walls

CASE = Case(runs=8)


def test_the_shares_are_whole() -> None:
    assert sum(curve(3.0)) == pytest.approx(1)
    assert max(curve(3.0)) * len(curve(3.0)) == pytest.approx(3.0)
    assert sum(CASE.shares()) == pytest.approx(1)
    assert replace(CASE, organizations=1).shares() == [1.0]


def test_everything_that_arrives_leaves() -> None:
    day = simulate(CASE)
    assert day.arrived == pytest.approx(CASE.statements_a_day)
    assert day.delivered == pytest.approx(day.arrived)
    assert day.busiest < 1


@pytest.mark.parametrize("worse", [{"runs": 1}, {"limit": 1}, {"progress_ms": 500}, {"down": 6}])
def test_what_is_short_makes_statements_wait(worse: dict[str, float]) -> None:
    assert simulate(replace(CASE, **worse)).waiting > simulate(CASE).waiting


def test_what_is_counted_at_once_takes_less() -> None:
    parts = [simulate(replace(CASE, together=share)).average for share in (0.0, 0.5, 1.0)]
    assert parts == sorted(parts, reverse=True)


def test_a_wall_is_where_a_resource_is_used_up() -> None:
    what, needed, there = next(iter(walls(CASE)))
    larger = replace(CASE, learners=CASE.learners * there / needed)
    assert {name: need for name, need, _ in walls(larger)}[what] == pytest.approx(there)
