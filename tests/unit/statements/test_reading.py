"""A frozen statement gives back the milestone that it reports, so that it can be built anew under the same id."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from percipio_openedx.data import Milestone
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.build import anew_of, build, milestone_of
from tests.unit.statements.cases import AT, CASES, NOW


@pytest.mark.parametrize("name", CASES)
def test_what_is_built_from_what_was_read_is_the_same(name: str) -> None:
    context = CASES[name]
    built = build(context, now=NOW)
    milestone = context.milestone
    read = milestone_of(milestone.kind, milestone.value, built.timestamp or AT, built.body)
    assert build(replace(context, milestone=read), now=NOW) == built


@pytest.mark.parametrize(
    "milestone",
    [
        Milestone(Kind.STARTED, AT),
        Milestone(Kind.PROGRESSED, AT, percent=40, seconds=3725),
        Milestone(Kind.PASSED, AT, score=0.8123, success=True, round=2),
        Milestone(Kind.COMPLETED, AT, score=0.3, success=False, seconds=0, round=1),
        Milestone(Kind.COMPLETED, AT),
        Milestone(Kind.RETRACTED, AT, retracts=Kind.COMPLETED, round=3),
        Milestone(Kind.STARTED, AT, anew=1),
        Milestone(Kind.PROGRESSED, AT, percent=40, anew=2),
        Milestone(Kind.PASSED, AT, success=True, round=2, anew=13),
        Milestone(Kind.RETRACTED, AT, retracts=Kind.PASSED, round=3, anew=1),
        Milestone(Kind.RETRACTED, AT, retracts=Kind.COMPLETED, anew=1),
    ],
)
def test_every_part_of_a_milestone_is_read(milestone: Milestone) -> None:
    context = replace(next(iter(CASES.values())), milestone=milestone)
    body = build(context, now=NOW).body
    assert milestone_of(milestone.kind, milestone.value, AT, body) == milestone


@pytest.mark.parametrize(
    ("milestone", "value"),
    [
        (Milestone(Kind.STARTED, AT, anew=1), "anew-1"),
        (Milestone(Kind.PROGRESSED, AT, percent=40, anew=1), "40:anew-1"),
        (Milestone(Kind.RETRACTED, AT, retracts=Kind.PASSED, round=3, anew=1), "passed:round-3:anew-1"),
    ],
)
def test_what_is_reported_anew_has_a_value_and_an_id_of_its_own(milestone: Milestone, value: str) -> None:
    context = next(iter(CASES.values()))
    first = replace(milestone, anew=0)
    assert milestone.value == value
    assert (anew_of(milestone.value), anew_of(first.value)) == (1, 0)
    ids = {build(replace(context, milestone=one), now=NOW).id for one in (first, milestone, replace(milestone, anew=2))}
    assert len(ids) == 3


def test_a_retraction_anew_takes_back_what_was_reported_anew() -> None:
    context = next(iter(CASES.values()))
    done = Milestone(Kind.COMPLETED, AT, round=1, anew=2)
    back = Milestone(Kind.RETRACTED, AT, retracts=Kind.COMPLETED, round=1, anew=2)
    built = [build(replace(context, milestone=one), now=NOW) for one in (done, back)]
    assert built[1].retracts == built[0].id


@pytest.mark.parametrize(("kind", "value"), [("odd", ""), ("progressed", ""), ("retracted", "odd"), ("passed", "x")])
def test_what_was_never_made_is_named_without_its_value(kind: str, value: Any) -> None:
    with pytest.raises(StatementError, match="value"):
        milestone_of(kind, value, AT, b"{}")


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 3600, 3725, 90061, 3_000_000_000])
def test_a_duration_is_read_as_it_was_written(seconds: int) -> None:
    context = CASES["completed"]
    milestone = replace(context.milestone, seconds=seconds)
    built = build(replace(context, milestone=milestone), now=NOW)
    assert milestone_of(milestone.kind, milestone.value, AT, built.body).seconds == seconds
