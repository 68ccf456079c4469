"""The pure heart: what is due, in which order, and that the number and the time of the looks do not matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.codes import CompletedOn, Kind, StartedOn, Undone
from percipio_openedx.data import Activity, Certificate, Enrollment, Grade, Milestone, Policy, Score, Told, Truth
from percipio_openedx.milestones import due, needs_percent

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def truth(**changes: object) -> Truth:
    return replace(Truth(enrollment=Enrollment(created=at(0)), is_graded=True), **changes)


PASSED = Grade(fraction=0.85, passing=True, passed_at=at(5), changed=at(5))
FAILED_AGAIN = Grade(fraction=0.2, passing=False, passed_at=at(5), changed=at(9))
HELD = Certificate(created=at(6), is_held=True, changed=at(6))
REVOKED = Certificate(created=at(6), is_held=False, changed=at(8))
SCORE = Score(scaled=0.85)


def active(percent: int | None, last: float = 4) -> dict[str, object]:
    return {"percent": percent, "activity": Activity(first=at(1), last=at(last), version=str(last))}


STARTED = Milestone(Kind.STARTED, at(0))


@pytest.mark.parametrize(
    ("told", "now", "policy", "expected"),
    [
        # nobody enrolled: nothing
        (Told(), Truth(), Policy(), ()),
        # enrolled
        (Told(), truth(), Policy(), (STARTED,)),
        (Told(started=True), truth(), Policy(), ()),
        # started on first activity
        (Told(), truth(), Policy(started_on=StartedOn.FIRST_ACTIVITY), ()),
        (
            Told(),
            truth(**active(3)),
            Policy(started_on=StartedOn.FIRST_ACTIVITY),
            (Milestone(Kind.STARTED, at(1)),),
        ),
        # a step of progress carries the true share
        (Told(), truth(**active(33)), Policy(), (STARTED, Milestone(Kind.PROGRESSED, at(4), percent=33))),
        (Told(started=True, percent=33), truth(**active(39)), Policy(), ()),
        (
            Told(started=True, percent=33),
            truth(**active(40)),
            Policy(),
            (Milestone(Kind.PROGRESSED, at(4), percent=40),),
        ),
        # 0 and 100 are no progress
        (Told(started=True), truth(**active(0)), Policy(progress_step=1), ()),
        (Told(started=True), truth(**active(100)), Policy(), ()),
        # progress never goes back
        (Told(started=True, percent=80), truth(**active(20)), Policy(), ()),
        # all at once, in order, and no progress beside the completion
        (
            Told(),
            truth(**active(90), grade=PASSED),
            Policy(),
            (
                STARTED,
                Milestone(Kind.PASSED, at(5), score=SCORE, success=True),
                Milestone(Kind.COMPLETED, at(5), score=SCORE, success=True),
            ),
        ),
        # a pass in a course that is completed by its units
        (
            Told(started=True),
            truth(**active(60), grade=PASSED),
            Policy(completed_on=CompletedOn.PROGRESS),
            (
                Milestone(Kind.PROGRESSED, at(4), percent=60),
                Milestone(Kind.PASSED, at(5), score=SCORE, success=True),
            ),
        ),
        # completed by units in a course without grades
        (
            Told(started=True),
            truth(**active(100), is_graded=False),
            Policy(completed_on=CompletedOn.PROGRESS),
            (Milestone(Kind.COMPLETED, at(4)),),
        ),
        # the earliest of the three counts, and a later pass is not reported after it
        (
            Told(started=True),
            truth(**active(100), grade=PASSED, certificate=HELD),
            Policy(completed_on=CompletedOn.ANY),
            (Milestone(Kind.COMPLETED, at(4), score=SCORE, success=True),),
        ),
        # a certificate without any activity implies the start
        (
            Told(),
            truth(certificate=HELD, is_graded=False),
            Policy(started_on=StartedOn.FIRST_ACTIVITY, completed_on=CompletedOn.CERTIFICATE),
            (STARTED, Milestone(Kind.COMPLETED, at(6))),
        ),
        # a revoked certificate completes nothing
        (Told(started=True), truth(certificate=REVOKED), Policy(completed_on=CompletedOn.CERTIFICATE), ()),
        # what the LMS takes back is kept, unless the site retracts
        (Told(started=True, passed=True, completed=True), truth(grade=FAILED_AGAIN), Policy(), ()),
        (
            Told(started=True, passed=True, completed=True),
            truth(grade=FAILED_AGAIN),
            Policy(undone=Undone.RETRACT),
            (
                Milestone(Kind.RETRACTED, at(9), retracts=Kind.COMPLETED),
                Milestone(Kind.RETRACTED, at(9), retracts=Kind.PASSED),
            ),
        ),
        # retracted once, not in a loop; and passed again in a new round
        (
            Told(started=True, passed_round=1, completed_round=1),
            truth(grade=FAILED_AGAIN),
            Policy(undone=Undone.RETRACT),
            (),
        ),
        (
            Told(started=True, passed_round=1, completed_round=1),
            truth(grade=PASSED),
            Policy(undone=Undone.RETRACT),
            (
                Milestone(Kind.PASSED, at(5), score=SCORE, success=True, round=1),
                Milestone(Kind.COMPLETED, at(5), score=SCORE, success=True, round=1),
            ),
        ),
        # a revoked certificate takes back the completion, not the pass
        (
            Told(started=True, passed=True, completed=True),
            truth(grade=PASSED, certificate=REVOKED),
            Policy(undone=Undone.RETRACT, completed_on=CompletedOn.CERTIFICATE),
            (Milestone(Kind.RETRACTED, at(8), retracts=Kind.COMPLETED),),
        ),
        # a course that grew a unit takes nothing back, nor does a grade that is not there
        (
            Told(started=True, passed=True, completed=True),
            truth(**active(90)),
            Policy(undone=Undone.RETRACT, completed_on=CompletedOn.PROGRESS),
            (),
        ),
    ],
)
def test_due(told: Told, now: Truth, policy: Policy, expected: tuple[Milestone, ...]) -> None:
    assert due(told, now, policy)[1] == expected


policies = st.builds(
    Policy,
    started_on=st.sampled_from(StartedOn),
    completed_on=st.sampled_from(CompletedOn),
    progress_step=st.integers(1, 100),
    undone=st.just(Undone.KEEP),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Truth]:
    """The states that a learner's life in a course goes through, each later one at a later hour, in any order
    of acts.
    """
    acts = draw(st.lists(st.sampled_from(["work", "pass", "certificate"]), min_size=1, max_size=8))
    states = [Truth(enrollment=Enrollment(created=at(0)), is_graded=draw(st.booleans()))]
    for hour, act in enumerate(acts, start=1):
        now = states[-1]
        if act == "work":
            done = draw(st.integers(now.percent or 0, 100))
            if now.percent != 100:
                first = now.activity.first or at(hour)
                now = replace(now, percent=done, activity=Activity(first=first, last=at(hour), version=str(hour)))
        elif act == "pass" and now.grade is None:
            now = replace(now, grade=Grade(0.8, passing=True, passed_at=at(hour), changed=at(hour)))
        elif act == "certificate" and now.certificate is None:
            now = replace(now, certificate=Certificate(created=at(hour), is_held=True, changed=at(hour)))
        states.append(now)
    return states


def told_by(looks: list[Truth], policy: Policy) -> list[Milestone]:
    told, found = Told(), []
    for now in looks:
        told, more = due(told, now, policy)
        found.extend(more)
    return found


def facts(found: list[Milestone]) -> list[tuple[Kind, datetime]]:
    return sorted((one.kind, one.at) for one in found if one.kind is not Kind.PROGRESSED)


@given(history=histories(), policy=policies, data=st.data())
def test_the_looks_do_not_matter(history: list[Truth], policy: Policy, data: st.DataObject) -> None:
    """Any looks that end with the last state tell the same started, passed and completed, with the same
    times.
    """
    places = data.draw(st.lists(st.integers(0, len(history) - 1), max_size=12).map(sorted))
    looks = [history[place] for place in places] + [history[-1]]

    found = told_by(looks, policy)

    assert facts(found) == facts(told_by([history[-1]], policy))
    shares = [one.percent for one in found if one.kind is Kind.PROGRESSED]
    assert shares == sorted(set(shares))
    assert all(0 < share < 100 for share in shares if share is not None)


@given(history=histories(), policy=policies)
def test_looking_twice_tells_nothing_new(history: list[Truth], policy: Policy) -> None:
    told = Told()
    for now in history:
        told, _ = due(told, now, policy)
        assert due(told, now, policy) == (told, ())


@given(history=histories(), policy=policies)
def test_order_and_silence_after_completion(history: list[Truth], policy: Policy) -> None:
    kinds = [one.kind for one in told_by(history, policy)]

    assert kinds[:1] in ([], [Kind.STARTED])
    assert kinds.count(Kind.STARTED) <= 1
    assert kinds.count(Kind.PASSED) <= 1
    if Kind.COMPLETED in kinds:
        assert kinds.index(Kind.COMPLETED) == len(kinds) - 1


@given(history=histories(), policy=policies)
def test_the_share_is_not_asked_for_in_vain(history: list[Truth], policy: Policy) -> None:
    """Where ``needs_percent`` says no, what is due is the same whatever the share."""
    told = Told()
    for now in history:
        if not needs_percent(told, now, policy):
            outcomes = {due(told, replace(now, percent=percent), policy) for percent in (None, 0, 55, 100)}
            assert len(outcomes) == 1
        told, _ = due(told, now, policy)
