"""What a site chooses: which milestones, what of a retake, when a course is completed, and who fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from percipio_openedx.data import (
    USUAL_MILESTONES,
    Certificate,
    Enrollment,
    Grade,
    Milestone,
    Observed,
    Policy,
    Reported,
)
from percipio_openedx.enums import CompletedOn, Kind, Retakes, StartedOn, Undone
from percipio_openedx.reporting import moments
from percipio_openedx.reporting.milestones import LONGEST_WAIT, awaits_certificate, due, needs_percent, observe_again_at
from tests.unit.core.test_milestones import (
    FAILED_AGAIN,
    HELD,
    PASSED,
    SCORE,
    STARTED,
    TOLD,
    active,
    at,
    observed,
    policies,
    turbulent_histories,
)

MILLISECOND = timedelta(milliseconds=1)
EVERY = frozenset(TOLD)
FAILURES = Policy(milestones=EVERY)
BELOW = Grade(fraction=0.4, passing=False, changed=at(7))
FAILED = Milestone(Kind.FAILED, at(10), score=0.4, success=False)


def ended(**changes: object) -> Observed:
    return observed(ends_at=at(10), has_ended=True, **{"grade": BELOW, **changes})


def only(*kinds: Kind, **changes: object) -> Policy:
    return replace(Policy(milestones=frozenset(kinds)), **changes)


# --- which milestones -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reported", "now", "policy", "expected"),
    [
        # each alone, and none waits for one that is not chosen
        (Reported(), observed(**active(33)), only(Kind.PROGRESSED), (Milestone(Kind.PROGRESSED, at(4), percent=33),)),
        (
            Reported(),
            observed(grade=PASSED),
            only(Kind.PASSED),
            (Milestone(Kind.PASSED, at(5), score=SCORE, success=True),),
        ),
        (
            Reported(),
            observed(grade=PASSED),
            only(Kind.COMPLETED),
            (Milestone(Kind.COMPLETED, at(5), score=SCORE, success=True),),
        ),
        (Reported(), observed(**active(100), grade=PASSED), only(Kind.STARTED), (STARTED,)),
        # what is complete in the LMS ends the progress only where the completion is reported
        (
            Reported(percent=40),
            observed(**active(90), grade=PASSED),
            only(Kind.PROGRESSED),
            (Milestone(Kind.PROGRESSED, at(4), percent=90),),
        ),
        # chosen later: as far as the rules allow
        (Reported(started=True), observed(grade=PASSED), only(Kind.STARTED), ()),
        (Reported(percent=40), observed(**active(40)), Policy(), ()),
        (Reported(percent=40), observed(**active(60)), Policy(), (Milestone(Kind.PROGRESSED, at(4), percent=60),)),
        (Reported(completed=True), observed(**active(60), grade=PASSED), Policy(), ()),
        (
            Reported(started=True),
            observed(grade=PASSED),
            only(Kind.STARTED, Kind.PASSED),
            (Milestone(Kind.PASSED, at(5), score=SCORE, success=True),),
        ),
        # what was reported is retracted, chosen or not
        (
            Reported(started=True, passed=True, completed=True),
            observed(grade=FAILED_AGAIN),
            only(Kind.STARTED, undone=Undone.RETRACT),
            (
                Milestone(Kind.RETRACTED, at(9), retracts=Kind.COMPLETED),
                Milestone(Kind.RETRACTED, at(9), retracts=Kind.PASSED),
            ),
        ),
        # and not reported again unless it is chosen
        (
            Reported(passed_round=1, completed_round=1, turned_at=at(9)),
            observed(grade=replace(PASSED, changed=at(12))),
            only(Kind.STARTED, undone=Undone.RETRACT),
            (),
        ),
    ],
)
def test_what_is_chosen(reported: Reported, now: Observed, policy: Policy, expected: tuple[Milestone, ...]) -> None:
    assert due(reported, now, policy)[1] == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (only(Kind.PROGRESSED), True),
        (only(Kind.STARTED, Kind.PASSED, Kind.COMPLETED, completed_on=CompletedOn.PROGRESS), True),
        (only(Kind.COMPLETED, completed_on=CompletedOn.ANY), True),
        (only(Kind.COMPLETED, completed_on=CompletedOn.PASSED), False),
        (only(Kind.COMPLETED, completed_on=CompletedOn.COURSE), False),
        (only(Kind.STARTED, Kind.PASSED, Kind.FAILED, completed_on=CompletedOn.PROGRESS), False),
    ],
)
def test_the_dear_share_is_asked_for_only_where_a_chosen_milestone_needs_it(policy: Policy, expected: bool) -> None:
    assert needs_percent(Reported(), observed(**active(None)), policy) is expected


@pytest.mark.slow
@settings(max_examples=500)
@given(
    history=turbulent_histories(),
    policy=st.builds(replace, policies, undone=st.sampled_from(Undone)),
    choices=st.lists(st.sets(st.sampled_from(TOLD), min_size=1).map(frozenset), min_size=15, max_size=15),
)
def test_however_often_a_site_chooses_otherwise(
    history: list[Observed], policy: Policy, choices: list[frozenset[Kind]]
) -> None:
    """What is not chosen is never told, nothing is told twice, and nothing after the completion."""
    reported = Reported()
    told: list[Milestone] = []
    for now, chosen in zip(history, choices, strict=False):
        policy = replace(policy, milestones=chosen)
        reported, found = due(reported, now, policy)
        assert due(reported, now, policy) == (reported, ())
        assert {one.kind for one in found} <= chosen | {Kind.RETRACTED}
        told.extend(found)

    assert len({(one.kind, one.value) for one in told}) == len(told)
    standing: set[Kind] = set()
    for number, one in enumerate(told):
        if one.kind is Kind.RETRACTED:
            assert one.retracts is not None
            standing.remove(one.retracts)
            continue
        assert Kind.COMPLETED not in standing
        assert one.kind is not Kind.STARTED or number == 0
        standing.add(one.kind)


# --- when a course is completed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (observed(**active(100)), None),
        (observed(**active(50), grade=PASSED), at(5)),
        (observed(**active(100), is_graded=False), at(4)),
        (observed(**active(50), is_graded=False, grade=PASSED), None),
        (observed(certificate=HELD), None),
    ],
)
def test_a_course_is_completed_by_what_it_has(now: Observed, expected: datetime | None) -> None:
    _reported, found = due(Reported(), now, Policy())

    assert [one.at for one in found if one.kind is Kind.COMPLETED] == ([] if expected is None else [expected])


@given(history=turbulent_histories(), policy=st.builds(replace, policies, undone=st.sampled_from(Undone)))
def test_by_course_is_the_same_as_the_way_that_it_stands_for(history: list[Observed], policy: Policy) -> None:
    by_course = replace(policy, completed_on=CompletedOn.COURSE)
    plain = replace(policy, completed_on=CompletedOn.PASSED if history[0].is_graded else CompletedOn.PROGRESS)
    reported = Reported()
    for now in history:
        assert due(reported, now, by_course) == due(reported, now, plain)
        assert needs_percent(reported, now, by_course) == needs_percent(reported, now, plain)
        assert not awaits_certificate(reported, now, by_course)
        reported, _ = due(reported, now, by_course)


# --- who fails --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reported", "now", "policy", "expected"),
    [
        # at the end of the run, or when the grade changed after it
        (Reported(), ended(), FAILURES, (STARTED, FAILED)),
        (
            Reported(started=True),
            ended(grade=replace(BELOW, changed=at(12))),
            FAILURES,
            (replace(FAILED, at=at(12)),),
        ),
        # off by default, before the end, without an end, in a course without grades
        (Reported(started=True), ended(), Policy(), ()),
        (Reported(started=True), observed(grade=BELOW, ends_at=at(10)), FAILURES, ()),
        (Reported(started=True), observed(grade=BELOW), FAILURES, ()),
        (Reported(started=True), ended(is_graded=False), FAILURES, ()),
        # who passes, was told as passed, or has completed
        (
            Reported(started=True),
            ended(grade=PASSED),
            FAILURES,
            (
                Milestone(Kind.PASSED, at(5), score=SCORE, success=True),
                Milestone(Kind.COMPLETED, at(5), score=SCORE, success=True),
            ),
        ),
        (Reported(started=True, passed=True), ended(grade=FAILED_AGAIN), FAILURES, ()),
        (
            Reported(started=True),
            ended(**active(100)),
            replace(FAILURES, completed_on=CompletedOn.PROGRESS),
            (Milestone(Kind.COMPLETED, at(4), score=0.4, success=False),),
        ),
        # who has left, never began, or has no grade
        (Reported(started=True), ended(enrollment=Enrollment(at(0), is_active=False)), FAILURES, ()),
        (Reported(), ended(), replace(FAILURES, started_on=StartedOn.FIRST_ACTIVITY), ()),
        (Reported(started=True), ended(grade=None, **active(20)), only(Kind.FAILED), ()),
        # told once; work after it is not progress, and a unit that was done last is told before
        (Reported(started=True, failed=True, turned_at=at(10)), ended(**active(60, last=11)), FAILURES, ()),
        (
            Reported(started=True),
            ended(**active(60, last=9)),
            FAILURES,
            (Milestone(Kind.PROGRESSED, at(9), percent=60), FAILED),
        ),
        (Reported(started=True), ended(**active(60, last=11)), FAILURES, (FAILED,)),
        # regraded above the mark: passed and completed after it, later than the failure
        (
            Reported(started=True, failed=True, turned_at=at(10)),
            ended(grade=replace(PASSED, changed=at(12))),
            FAILURES,
            (
                Milestone(Kind.PASSED, at(12), score=SCORE, success=True),
                Milestone(Kind.COMPLETED, at(12), score=SCORE, success=True),
            ),
        ),
        # and it is retracted where the site retracts, as when the end is moved or removed
        (
            Reported(started=True, failed=True, turned_at=at(10)),
            ended(grade=replace(PASSED, changed=at(12))),
            replace(FAILURES, undone=Undone.RETRACT),
            (
                Milestone(Kind.RETRACTED, at(12), retracts=Kind.FAILED),
                Milestone(Kind.PASSED, at(12) + MILLISECOND, score=SCORE, success=True),
                Milestone(Kind.COMPLETED, at(12) + MILLISECOND, score=SCORE, success=True),
            ),
        ),
        (
            Reported(started=True, failed=True, turned_at=at(10)),
            observed(grade=BELOW, ends_at=at(99)),
            replace(FAILURES, undone=Undone.RETRACT),
            (Milestone(Kind.RETRACTED, at(10) + MILLISECOND, retracts=Kind.FAILED),),
        ),
        (
            Reported(started=True, failed=True, turned_at=at(10)),
            observed(grade=BELOW),
            only(Kind.STARTED, undone=Undone.RETRACT),
            (Milestone(Kind.RETRACTED, at(10) + MILLISECOND, retracts=Kind.FAILED),),
        ),
        (Reported(started=True, failed=True, turned_at=at(10)), observed(grade=BELOW, ends_at=at(99)), FAILURES, ()),
        # failed again, in a new round
        (
            Reported(started=True, failed_round=1, turned_at=at(11)),
            ended(),
            replace(FAILURES, undone=Undone.RETRACT),
            (replace(FAILED, at=at(11) + MILLISECOND, round=1),),
        ),
        # a pass that was retracted fails after that
        (
            Reported(started=True, passed=True, completed=True, turned_at=at(5)),
            ended(grade=FAILED_AGAIN),
            replace(FAILURES, undone=Undone.RETRACT),
            (
                Milestone(Kind.RETRACTED, at(9), retracts=Kind.COMPLETED),
                Milestone(Kind.RETRACTED, at(9), retracts=Kind.PASSED),
                replace(FAILED, score=0.2),
            ),
        ),
    ],
)
def test_who_fails(reported: Reported, now: Observed, policy: Policy, expected: tuple[Milestone, ...]) -> None:
    assert due(reported, now, policy)[1] == expected


TODAY = at(0)
SOON, LATE = TODAY + timedelta(hours=3), TODAY + timedelta(days=40)


@pytest.mark.parametrize(
    ("reported", "changes", "policy", "planned", "expected"),
    [
        (Reported(), {"ends_at": SOON}, FAILURES, None, SOON),
        (Reported(), {"ends_at": LATE}, FAILURES, None, TODAY + LONGEST_WAIT),
        (Reported(), {"ends_at": LATE}, FAILURES, TODAY + timedelta(hours=2), TODAY + timedelta(hours=2)),
        (Reported(), {"ends_at": SOON, "grade": PASSED}, FAILURES, None, None),
        (Reported(), {"ends_at": SOON, "has_ended": True}, FAILURES, None, None),
        (Reported(), {"ends_at": SOON, "is_graded": False}, FAILURES, None, None),
        (Reported(), {"ends_at": SOON, "enrollment": Enrollment(TODAY, is_active=False)}, FAILURES, None, None),
        (Reported(), {"ends_at": SOON}, Policy(), None, None),
        (Reported(passed=True), {"ends_at": SOON}, FAILURES, None, None),
        (Reported(failed=True), {"ends_at": SOON}, FAILURES, None, None),
        (Reported(completed=True), {"ends_at": SOON}, FAILURES, None, None),
        (Reported(elsewhere=TODAY), {"ends_at": SOON}, FAILURES, None, None),
        # the certificate is shown before the run ends
        (
            Reported(),
            {"ends_at": SOON, "certificate": Certificate(TODAY, True, is_available=False, available_at=at(1))},
            replace(FAILURES, completed_on=CompletedOn.CERTIFICATE),
            None,
            at(1),
        ),
    ],
)
def test_the_end_of_the_run_is_looked_at_without_a_notice(
    reported: Reported, changes: dict[str, object], policy: Policy, planned: datetime | None, expected: datetime | None
) -> None:
    assert observe_again_at(reported, observed(**changes), policy, TODAY, planned) == expected


# --- the same course again --------------------------------------------------------------------------------------------

AGAIN = {"started": STARTED, "completed": Milestone(Kind.COMPLETED, at(5), score=SCORE, success=True)}
NEW_RUN = observed(**active(60), grade=PASSED)


@pytest.mark.parametrize(
    ("retakes", "elsewhere", "expected"),
    [
        (Retakes.COMPLETIONS, None, [Kind.STARTED, Kind.PASSED, Kind.COMPLETED]),
        (Retakes.COMPLETIONS, at(-9000), [Kind.COMPLETED]),
        (Retakes.COMPLETIONS, at(5), []),
        (Retakes.COMPLETIONS, at(6), []),
        (Retakes.EVERYTHING, at(6), [Kind.STARTED, Kind.PASSED, Kind.COMPLETED]),
        (Retakes.FIRST_ONLY, None, [Kind.STARTED, Kind.PASSED, Kind.COMPLETED]),
        (Retakes.FIRST_ONLY, at(-9000), []),
    ],
)
def test_of_a_retake(retakes: Retakes, elsewhere: datetime | None, expected: list[Kind]) -> None:
    reported, found = due(Reported(elsewhere=elsewhere), NEW_RUN, Policy(retakes=retakes))

    assert [one.kind for one in found] == expected
    if Kind.COMPLETED in expected:
        assert found[-1] == AGAIN["completed"]
        assert (reported.completed, reported.completed_at) == (True, at(5))


def test_the_completion_of_a_retake_is_retracted_like_any_other() -> None:
    for retakes in Retakes:
        policy = Policy(undone=Undone.RETRACT, retakes=retakes)
        told = Reported(completed=True, completed_at=at(5), turned_at=at(5), elsewhere=at(-9000))
        after, found = due(told, observed(grade=FAILED_AGAIN), policy)

        assert found == (Milestone(Kind.RETRACTED, at(9), retracts=Kind.COMPLETED),)
        assert (after.completed, after.completed_at) == (False, None)


def test_nothing_dear_is_asked_for_a_retake() -> None:
    working = observed(**active(None))

    assert needs_percent(Reported(), working, Policy())
    assert not needs_percent(Reported(elsewhere=at(-9000)), working, Policy())
    assert not needs_percent(Reported(elsewhere=at(-9000)), working, Policy(retakes=Retakes.FIRST_ONLY))
    assert needs_percent(Reported(elsewhere=at(-9000)), replace(working, is_graded=False), Policy())


@pytest.mark.slow
@settings(max_examples=500)
@given(
    runs=st.lists(turbulent_histories(), min_size=2, max_size=3),
    policy=st.builds(
        replace,
        policies,
        undone=st.sampled_from(Undone),
        retakes=st.sampled_from([Retakes.COMPLETIONS, Retakes.FIRST_ONLY]),
    ),
    order=st.lists(st.integers(0, 2), max_size=30),
)
def test_retakes_never_take_the_record_back(runs: list[list[Observed]], policy: Policy, order: list[int]) -> None:
    """Several runs of one course, at the same time or one after the other, looked at in any order."""
    reported = [Reported() for _ in runs]
    places = [0 for _ in runs]
    standing: dict[int, datetime] = {}
    for turn in order:
        run = turn % len(runs)
        now = runs[run][min(places[run], len(runs[run]) - 1)]
        places[run] += 1
        others = [one.completed_at for number, one in enumerate(reported) if number != run and one.completed_at]
        before = replace(reported[run], elsewhere=max(others, default=None))
        reported[run], found = due(before, now, policy)
        assert due(reported[run], now, policy) == (reported[run], ())
        for one in found:
            if one.kind is Kind.RETRACTED:
                if one.retracts is Kind.COMPLETED:
                    del standing[run]
                continue
            if standing:
                assert policy.retakes is Retakes.COMPLETIONS
                assert one.kind is Kind.COMPLETED
                assert one.at > max(standing.values())
            if one.kind is Kind.COMPLETED:
                standing[run] = one.at
        assert {number: one.completed_at for number, one in enumerate(reported) if one.completed} == standing


def test_what_is_reported_unless_a_site_chooses() -> None:
    assert EVERY - {Kind.FAILED} == USUAL_MILESTONES
    assert all(moments.reports(kind, Reported(), Policy()) for kind in USUAL_MILESTONES)
