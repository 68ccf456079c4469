"""Which course runs are one item, and which of them speaks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.items import RunInCatalog, Standing, items, standing_for_all
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
        assert [one.run.run for one in items(offered(*given_runs), NOW)[0].runs] == names


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (ALWAYS, Standing.OPEN),
        (NEXT, Standing.OPEN),
        (SOON, Standing.UPCOMING),
        (CLOSED, Standing.CLOSED),
        (OVER, Standing.CLOSED),
        (INVITED, Standing.CLOSED),
        (HIDDEN, Standing.CLOSED),
        (a_run("both", opens=5, invitation_only=True), Standing.CLOSED),
        (a_run("edge", opens=0, closes=1), Standing.OPEN),
        (a_run("edge", closes=0), Standing.CLOSED),
        (a_run("nonsense", opens=5, closes=-5), Standing.CLOSED),
    ],
)
def test_whether_a_learner_can_join(run: CourseRun, expected: Standing) -> None:
    assert standing_for_all(run, NOW) is expected


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
    first = items(offered(*given_runs), NOW)[0].runs[0].run
    assert items(offered(*given_runs[::-1]), NOW)[0].runs[0].run == first
    stands = {run.key: standing_for_all(run, NOW) for run in given_runs}
    if Standing.OPEN in stands.values():
        assert stands[first.key] is Standing.OPEN
    elif upcoming := [run.enrollment_start for run in given_runs if stands[run.key] is Standing.UPCOMING]:
        assert first.enrollment_start == min(filter(None, upcoming))


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
