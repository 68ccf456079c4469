"""Why a milestone is not reported: the mirror of what is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.data import Activity, Certificate, Enrollment, Grade, Observed, Policy, Reported
from percipio_openedx.enums import CompletedOn, Kind, LockedUnits, StartedOn, Undone, UnreportedReason
from percipio_openedx.reporting import milestones
from percipio_openedx.reporting.unreported import Unreported, unreported

AT = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 2, tzinfo=UTC)
ACTIVE = Activity(first=AT, last=LATER)
ENROLLED = Enrollment(created=AT)


def found(
    observed: Observed, policy: Policy | None = None, reported: Reported | None = None
) -> dict[Kind, tuple[UnreportedReason, int | None]]:
    policy, reported = policy or Policy(), reported or Reported()
    _reported, due = milestones.due(reported, observed, policy)
    return {one.kind: (one.why, one.percent) for one in unreported(reported, observed, policy, due)}


@pytest.mark.parametrize(
    ("observed", "policy", "expected"),
    [
        (
            Observed(enrollment=ENROLLED),
            Policy(started_on=StartedOn.FIRST_ACTIVITY),
            {
                Kind.STARTED: (UnreportedReason.NO_ACTIVITY, None),
                Kind.PROGRESSED: (UnreportedReason.NO_ACTIVITY, None),
                Kind.PASSED: (UnreportedReason.NO_GRADE, None),
                Kind.COMPLETED: (UnreportedReason.NO_GRADE, None),
            },
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=4, grade=Grade(0.2, passing=False)),
            Policy(),
            {
                Kind.PROGRESSED: (UnreportedReason.STEP_NOT_REACHED, 4),
                Kind.PASSED: (UnreportedReason.NOT_PASSED, None),
                Kind.COMPLETED: (UnreportedReason.NOT_PASSED, None),
            },
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=50, percent_unlocked=100),
            Policy(completed_on=CompletedOn.PROGRESS),
            {Kind.PASSED: (UnreportedReason.NO_GRADE, None), Kind.COMPLETED: (UnreportedReason.UNITS_LOCKED, 50)},
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=50, percent_unlocked=100),
            Policy(completed_on=CompletedOn.ANY),
            {Kind.PASSED: (UnreportedReason.NO_GRADE, None), Kind.COMPLETED: (UnreportedReason.UNITS_LOCKED, 50)},
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=50, percent_unlocked=75),
            Policy(completed_on=CompletedOn.PROGRESS, locked_units=LockedUnits.LEAVE_OUT),
            {Kind.PASSED: (UnreportedReason.NO_GRADE, None), Kind.COMPLETED: (UnreportedReason.UNITS_LEFT, 75)},
        ),
        (
            Observed(enrollment=ENROLLED, certificate=Certificate(AT, is_held=True, is_available=False)),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            {
                Kind.PROGRESSED: (UnreportedReason.NO_ACTIVITY, None),
                Kind.PASSED: (UnreportedReason.NO_GRADE, None),
                Kind.COMPLETED: (UnreportedReason.CERTIFICATE_NOT_SHOWN, None),
            },
        ),
        (
            Observed(enrollment=ENROLLED, certificate=Certificate(AT, is_held=True, is_available=False)),
            Policy(completed_on=CompletedOn.ANY),
            {
                Kind.PROGRESSED: (UnreportedReason.NO_ACTIVITY, None),
                Kind.PASSED: (UnreportedReason.NO_GRADE, None),
                Kind.COMPLETED: (UnreportedReason.CERTIFICATE_NOT_SHOWN, None),
            },
        ),
        (
            Observed(enrollment=ENROLLED, grade=Grade(0.3, passing=False, passed_at=AT)),
            Policy(),
            {
                Kind.PROGRESSED: (UnreportedReason.NO_ACTIVITY, None),
                Kind.PASSED: (UnreportedReason.NOT_PASSING_NOW, None),
                Kind.COMPLETED: (UnreportedReason.NOT_PASSING_NOW, None),
            },
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=0, certificate=Certificate(AT, is_held=False)),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            {
                Kind.PROGRESSED: (UnreportedReason.NO_PROGRESS, 0),
                Kind.PASSED: (UnreportedReason.NO_GRADE, None),
                Kind.COMPLETED: (UnreportedReason.CERTIFICATE_NOT_HELD, None),
            },
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=None),
            Policy(completed_on=CompletedOn.PROGRESS),
            {
                Kind.PROGRESSED: (UnreportedReason.PROGRESS_UNKNOWN, None),
                Kind.PASSED: (UnreportedReason.NO_GRADE, None),
                Kind.COMPLETED: (UnreportedReason.PROGRESS_UNKNOWN, None),
            },
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=42),
            Policy(completed_on=CompletedOn.ANY),
            {Kind.PASSED: (UnreportedReason.NO_GRADE, None), Kind.COMPLETED: (UnreportedReason.NONE_OF_THREE, 42)},
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=100),
            Policy(completed_on=CompletedOn.PROGRESS),
            {Kind.PROGRESSED: (UnreportedReason.COMPLETED_BEFORE, 100), Kind.PASSED: (UnreportedReason.NO_GRADE, None)},
        ),
        (
            Observed(enrollment=ENROLLED, grade=Grade(0.3, passing=False, passed_at=AT)),
            Policy(undone=Undone.RETRACT),
            {
                Kind.PROGRESSED: (UnreportedReason.NO_ACTIVITY, None),
                Kind.PASSED: (UnreportedReason.NOT_PASSING_NOW, None),
                Kind.COMPLETED: (UnreportedReason.NOT_PASSING_NOW, None),
            },
        ),
    ],
)
def test_each_reason(
    observed: Observed, policy: Policy, expected: dict[Kind, tuple[UnreportedReason, int | None]]
) -> None:
    assert found(observed, policy) == expected


def test_a_pass_after_the_completion_is_not_reported_because_of_it() -> None:
    observed = Observed(
        enrollment=ENROLLED, activity=Activity(AT, AT), percent=100, grade=Grade(0.9, True, passed_at=LATER)
    )

    assert found(observed, Policy(completed_on=CompletedOn.PROGRESS))[Kind.PASSED] == (
        UnreportedReason.COMPLETED_BEFORE,
        None,
    )


def test_all_units_are_told_once_as_99_percent_and_then_wait_for_the_completion() -> None:
    observed = Observed(enrollment=ENROLLED, activity=ACTIVE, percent=100)
    policy = Policy(completed_on=CompletedOn.CERTIFICATE)
    completion = {
        Kind.PASSED: (UnreportedReason.NO_GRADE, None),
        Kind.COMPLETED: (UnreportedReason.NO_CERTIFICATE, None),
    }

    assert found(observed, policy) == completion
    assert found(observed, policy, Reported(started=True, percent=99)) == {
        Kind.PROGRESSED: (UnreportedReason.ALL_UNITS, 100),
        **completion,
    }


moments = st.sampled_from([None, AT, LATER])


@given(
    observed=st.builds(
        Observed,
        enrollment=st.just(ENROLLED),
        activity=st.sampled_from([Activity(), ACTIVE]),
        percent=st.none() | st.integers(0, 100),
        percent_unlocked=st.none() | st.integers(0, 100),
        grade=st.none() | st.builds(Grade, fraction=st.just(0.5), passing=st.booleans(), passed_at=moments),
        certificate=st.none()
        | st.builds(Certificate, created=st.just(AT), is_held=st.booleans(), is_available=st.booleans()),
    ),
    policy=st.builds(Policy),
    reported=st.builds(
        Reported, started=st.booleans(), percent=st.integers(0, 99), passed=st.booleans(), completed=st.booleans()
    ),
)
def test_what_is_neither_told_nor_due_has_one_reason(observed: Observed, policy: Policy, reported: Reported) -> None:
    _reported, due = milestones.due(reported, observed, policy)
    found = unreported(reported, observed, policy, due)
    kinds = [one.kind for one in found]
    settled = {milestone.kind for milestone in due if milestone.kind is not Kind.RETRACTED}
    settled |= {kind for kind in (Kind.STARTED, Kind.PASSED, Kind.COMPLETED) if getattr(reported, kind.value)}

    assert all(isinstance(one, Unreported) for one in found)
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == {Kind.STARTED, Kind.PROGRESSED, Kind.PASSED, Kind.COMPLETED} - settled
