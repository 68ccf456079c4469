"""Why a milestone is not reported: the mirror of what is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx import milestones
from percipio_openedx.codes import CompletedOn, Kind, LockedUnits, StartedOn, Undone, Why
from percipio_openedx.data import Activity, Certificate, Enrollment, Grade, Policy, Told, Truth
from percipio_openedx.unsaid import Unsaid, unsaid

AT = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 2, tzinfo=UTC)
ACTIVE = Activity(first=AT, last=LATER)
ENROLLED = Enrollment(created=AT)


def found(truth: Truth, policy: Policy | None = None, told: Told | None = None) -> dict[Kind, tuple[Why, int | None]]:
    policy, told = policy or Policy(), told or Told()
    _told, due = milestones.due(told, truth, policy)
    return {one.kind: (one.why, one.percent) for one in unsaid(told, truth, policy, due)}


@pytest.mark.parametrize(
    ("truth", "policy", "expected"),
    [
        (
            Truth(enrollment=ENROLLED),
            Policy(started_on=StartedOn.FIRST_ACTIVITY),
            {
                Kind.STARTED: (Why.NO_ACTIVITY, None),
                Kind.PROGRESSED: (Why.NO_ACTIVITY, None),
                Kind.PASSED: (Why.NO_GRADE, None),
                Kind.COMPLETED: (Why.NO_GRADE, None),
            },
        ),
        (
            Truth(enrollment=ENROLLED, activity=ACTIVE, percent=4, grade=Grade(0.2, passing=False)),
            Policy(),
            {
                Kind.PROGRESSED: (Why.STEP_NOT_REACHED, 4),
                Kind.PASSED: (Why.NOT_PASSED, None),
                Kind.COMPLETED: (Why.NOT_PASSED, None),
            },
        ),
        (
            Truth(enrollment=ENROLLED, activity=ACTIVE, percent=50, percent_unlocked=100),
            Policy(completed_on=CompletedOn.PROGRESS),
            {Kind.PASSED: (Why.NO_GRADE, None), Kind.COMPLETED: (Why.UNITS_LOCKED, 50)},
        ),
        (
            Truth(enrollment=ENROLLED, activity=ACTIVE, percent=50, percent_unlocked=100),
            Policy(completed_on=CompletedOn.ANY),
            {Kind.PASSED: (Why.NO_GRADE, None), Kind.COMPLETED: (Why.UNITS_LOCKED, 50)},
        ),
        (
            Truth(enrollment=ENROLLED, activity=ACTIVE, percent=50, percent_unlocked=75),
            Policy(completed_on=CompletedOn.PROGRESS, locked_units=LockedUnits.LEAVE_OUT),
            {Kind.PASSED: (Why.NO_GRADE, None), Kind.COMPLETED: (Why.UNITS_LEFT, 75)},
        ),
        (
            Truth(enrollment=ENROLLED, certificate=Certificate(AT, is_held=True, is_available=False)),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            {
                Kind.PROGRESSED: (Why.NO_ACTIVITY, None),
                Kind.PASSED: (Why.NO_GRADE, None),
                Kind.COMPLETED: (Why.CERTIFICATE_NOT_SHOWN, None),
            },
        ),
        (
            Truth(enrollment=ENROLLED, certificate=Certificate(AT, is_held=True, is_available=False)),
            Policy(completed_on=CompletedOn.ANY),
            {
                Kind.PROGRESSED: (Why.NO_ACTIVITY, None),
                Kind.PASSED: (Why.NO_GRADE, None),
                Kind.COMPLETED: (Why.CERTIFICATE_NOT_SHOWN, None),
            },
        ),
        (
            Truth(enrollment=ENROLLED, grade=Grade(0.3, passing=False, passed_at=AT)),
            Policy(),
            {
                Kind.PROGRESSED: (Why.NO_ACTIVITY, None),
                Kind.PASSED: (Why.NOT_PASSING_NOW, None),
                Kind.COMPLETED: (Why.NOT_PASSING_NOW, None),
            },
        ),
        (
            Truth(enrollment=ENROLLED, activity=ACTIVE, percent=0, certificate=Certificate(AT, is_held=False)),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            {
                Kind.PROGRESSED: (Why.NO_SHARE, 0),
                Kind.PASSED: (Why.NO_GRADE, None),
                Kind.COMPLETED: (Why.CERTIFICATE_NOT_HELD, None),
            },
        ),
        (
            Truth(enrollment=ENROLLED, activity=ACTIVE, percent=None),
            Policy(completed_on=CompletedOn.PROGRESS),
            {
                Kind.PROGRESSED: (Why.SHARE_UNKNOWN, None),
                Kind.PASSED: (Why.NO_GRADE, None),
                Kind.COMPLETED: (Why.SHARE_UNKNOWN, None),
            },
        ),
        (
            Truth(enrollment=ENROLLED, activity=ACTIVE, percent=42),
            Policy(completed_on=CompletedOn.ANY),
            {Kind.PASSED: (Why.NO_GRADE, None), Kind.COMPLETED: (Why.NONE_OF_THREE, 42)},
        ),
        (
            Truth(enrollment=ENROLLED, activity=ACTIVE, percent=100),
            Policy(completed_on=CompletedOn.PROGRESS),
            {Kind.PROGRESSED: (Why.COMPLETED_BEFORE, 100), Kind.PASSED: (Why.NO_GRADE, None)},
        ),
        (
            Truth(enrollment=ENROLLED, grade=Grade(0.3, passing=False, passed_at=AT)),
            Policy(undone=Undone.RETRACT),
            {
                Kind.PROGRESSED: (Why.NO_ACTIVITY, None),
                Kind.PASSED: (Why.NOT_PASSING_NOW, None),
                Kind.COMPLETED: (Why.NOT_PASSING_NOW, None),
            },
        ),
    ],
)
def test_each_reason(truth: Truth, policy: Policy, expected: dict[Kind, tuple[Why, int | None]]) -> None:
    assert found(truth, policy) == expected


def test_a_pass_after_the_completion_is_not_reported_because_of_it() -> None:
    truth = Truth(enrollment=ENROLLED, activity=Activity(AT, AT), percent=100, grade=Grade(0.9, True, passed_at=LATER))

    assert found(truth, Policy(completed_on=CompletedOn.PROGRESS))[Kind.PASSED] == (Why.COMPLETED_BEFORE, None)


def test_all_units_are_told_once_as_99_percent_and_then_wait_for_the_completion() -> None:
    truth = Truth(enrollment=ENROLLED, activity=ACTIVE, percent=100)
    policy = Policy(completed_on=CompletedOn.CERTIFICATE)
    completion = {Kind.PASSED: (Why.NO_GRADE, None), Kind.COMPLETED: (Why.NO_CERTIFICATE, None)}

    assert found(truth, policy) == completion
    assert found(truth, policy, Told(started=True, percent=99)) == {
        Kind.PROGRESSED: (Why.WHOLE_SHARE, 100),
        **completion,
    }


moments = st.sampled_from([None, AT, LATER])


@given(
    truth=st.builds(
        Truth,
        enrollment=st.just(ENROLLED),
        activity=st.sampled_from([Activity(), ACTIVE]),
        percent=st.none() | st.integers(0, 100),
        percent_unlocked=st.none() | st.integers(0, 100),
        grade=st.none() | st.builds(Grade, fraction=st.just(0.5), passing=st.booleans(), passed_at=moments),
        certificate=st.none()
        | st.builds(Certificate, created=st.just(AT), is_held=st.booleans(), is_available=st.booleans()),
    ),
    policy=st.builds(Policy),
    told=st.builds(
        Told, started=st.booleans(), percent=st.integers(0, 99), passed=st.booleans(), completed=st.booleans()
    ),
)
def test_what_is_neither_told_nor_due_has_one_reason(truth: Truth, policy: Policy, told: Told) -> None:
    _told, due = milestones.due(told, truth, policy)
    found = unsaid(told, truth, policy, due)
    kinds = [one.kind for one in found]
    settled = {milestone.kind for milestone in due if milestone.kind is not Kind.RETRACTED}
    settled |= {kind for kind in (Kind.STARTED, Kind.PASSED, Kind.COMPLETED) if getattr(told, kind.value)}

    assert all(isinstance(one, Unsaid) for one in found)
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == {Kind.STARTED, Kind.PROGRESSED, Kind.PASSED, Kind.COMPLETED} - settled
