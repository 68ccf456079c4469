"""Which course runs are one item, and which of them speaks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.items import RunInCatalog, can_join, in_order, items, opens_at
from percipio_openedx.data import CatalogPolicy, Course, CourseRun
from percipio_openedx.enums import HoldReason, Offer, Offering, ReportedCourses

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def day(number: int | None) -> datetime | None:
    return None if number is None else NOW + timedelta(days=number)


def a_run(name: str, **fields: Any) -> CourseRun:
    dates = {key: day(value) for key, value in fields.items() if key in ("start", "end")}
    dates["enrollment_start"], dates["enrollment_end"] = day(fields.get("opens")), day(fields.get("closes"))
    flags = {key: value for key, value in fields.items() if key in ("is_hidden", "invitation_only")}
    return CourseRun(f"course-v1:A+C+{name}", "A", "C", name, **dates, **flags)  # type: ignore[arg-type]


def offered(*runs: CourseRun, content_id: str = "c") -> list[RunInCatalog]:
    return [RunInCatalog(run, content_id, is_offered=True) for run in runs]


OVER = a_run("over", start=-400, end=-300)
ENDED = a_run("ended", start=-100, end=-10)
RUNNING = a_run("running", start=-20, end=30)
EARLIER = a_run("earlier", start=-90, end=30)
CLOSED = a_run("closed", start=-5, end=30, closes=-1)
NEXT = a_run("next", start=20, end=60)
SOON = a_run("soon", start=40, opens=10)
LATER = a_run("later", start=90, opens=80)
INVITED = a_run("invited", start=-1, invitation_only=True)
HIDDEN = a_run("hidden", start=-1, is_hidden=True)
ALWAYS = a_run("always")


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ([OVER, RUNNING, NEXT], ["running", "next", "over"]),
        ([EARLIER, RUNNING], ["running", "earlier"]),
        ([NEXT, a_run("after", start=30)], ["next", "after"]),
        ([CLOSED, SOON, LATER], ["soon", "later", "closed"]),
        ([OVER, ENDED], ["ended", "over"]),
        ([INVITED, HIDDEN, SOON], ["soon", "hidden", "invited"]),
        ([INVITED, ENDED], ["invited", "ended"]),
        ([ALWAYS, RUNNING], ["running", "always"]),
        ([ALWAYS, NEXT], ["always", "next"]),
    ],
)
def test_who_speaks(runs: list[CourseRun], names: list[str]) -> None:
    for given_runs in (runs, runs[::-1]):
        assert [one.run.run for one in in_order(offered(*given_runs), NOW)] == names


@pytest.mark.parametrize(
    ("run", "joins", "opens"),
    [
        (ALWAYS, True, None),
        (NEXT, True, None),
        (SOON, False, 10),
        (CLOSED, False, None),
        (OVER, False, None),
        (INVITED, False, None),
        (HIDDEN, False, None),
        (a_run("both", opens=5, invitation_only=True), False, None),
        (a_run("edge", opens=0, closes=1), True, None),
        (a_run("edge", closes=0), False, None),
    ],
)
def test_whether_a_learner_can_join(run: CourseRun, joins: bool, opens: int | None) -> None:
    assert (can_join(run, NOW), opens_at(run, NOW)) == (joins, day(opens))


def test_runs_of_one_content_id_are_one_item() -> None:
    runs = [*offered(OVER, RUNNING, content_id="b"), *offered(NEXT, content_id="a")]
    runs.append(RunInCatalog(a_run("kept", start=-1), "b"))
    found = items(runs, NOW)
    assert [(item.content_id, [one.run.run for one in item.runs]) for item in found] == [
        ("a", ["next"]),
        ("b", ["running", "over"]),
    ]


dates = st.none() | st.integers(-1000, 1000)
runs = st.builds(
    lambda number, **fields: a_run(str(number), **fields),
    st.integers(0, 99),
    start=dates,
    end=dates,
    opens=dates,
    closes=dates,
    is_hidden=st.booleans(),
    invitation_only=st.booleans(),
)


@given(st.lists(runs, min_size=1, unique_by=lambda run: run.key))
def test_whoever_can_be_joined_speaks_first(given_runs: list[CourseRun]) -> None:
    first = in_order(offered(*given_runs), NOW)[0].run
    assert in_order(offered(*given_runs[::-1]), NOW)[0].run == first
    if any(can_join(run, NOW) for run in given_runs):
        assert can_join(first, NOW)
    elif any(opens_at(run, NOW) for run in given_runs):
        assert opens_at(first, NOW) == min(filter(None, (opens_at(run, NOW) for run in given_runs)))


@pytest.mark.parametrize(
    ("offering", "offer", "is_visible", "is_offered"),
    [
        (Offering.NONE, Offer.OFFERED, True, False),
        (Offering.CHOSEN, Offer.OFFERED, False, True),
        (Offering.CHOSEN, Offer.UNSET, True, False),
        (Offering.CHOSEN, Offer.WITHDRAWN, True, False),
        (Offering.ALL_VISIBLE, Offer.UNSET, True, True),
        (Offering.ALL_VISIBLE, Offer.UNSET, False, False),
        (Offering.ALL_VISIBLE, Offer.OFFERED, False, True),
        (Offering.ALL_VISIBLE, Offer.WITHDRAWN, True, False),
    ],
)
def test_what_is_offered(offering: Offering, offer: Offer, is_visible: bool, is_offered: bool) -> None:
    policy = CatalogPolicy(offering=offering)
    assert policy.offers(offer, is_visible=is_visible) is is_offered
    course = Course(key="course-v1:A+C+R", org="A", offer=offer, is_visible=is_visible)
    assert course.hold(policy) is None
    strict = CatalogPolicy(offering=offering, courses=ReportedCourses.CATALOG)
    assert course.hold(strict) == (None if is_offered else HoldReason.NOT_IN_CATALOG)
