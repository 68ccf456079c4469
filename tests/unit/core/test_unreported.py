"""Why a milestone is not reported: the mirror of what is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.data import Activity, Certificate, Enrollment, Grade, Observed, Policy, Reported
from percipio_openedx.enums import CompletedOn, Kind, LockedUnits, Retakes, StartedOn, Undone, UnreportedReason
from percipio_openedx.reporting import milestones
from percipio_openedx.reporting.unreported import Unreported, unreported

AT = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 2, tzinfo=UTC)
ACTIVE = Activity(first=AT, last=LATER)
ENROLLED = Enrollment(created=AT)
BY_PASS = Policy(completed_on=CompletedOn.PASSED)
TOLD = {Kind.STARTED, Kind.PROGRESSED, Kind.PASSED, Kind.FAILED, Kind.COMPLETED}


def found(
    observed: Observed, policy: Policy | None = None, reported: Reported | None = None
) -> dict[Kind, tuple[UnreportedReason, int | None]]:
    policy, reported = policy or BY_PASS, reported or Reported()
    _reported, due = milestones.due(reported, observed, policy)
    reasons = {one.kind: (one.why, one.percent) for one in unreported(reported, observed, policy, due)}
    for kind in TOLD - policy.milestones:
        assert reasons.pop(kind) == (UnreportedReason.NOT_CHOSEN, None)
    return reasons


@pytest.mark.parametrize(
    ("observed", "policy", "expected"),
    [
        (
            Observed(enrollment=ENROLLED),
            replace(BY_PASS, started_on=StartedOn.FIRST_ACTIVITY),
            {
                Kind.STARTED: (UnreportedReason.NO_ACTIVITY, None),
                Kind.PROGRESSED: (UnreportedReason.NO_ACTIVITY, None),
                Kind.PASSED: (UnreportedReason.NO_GRADE, None),
                Kind.COMPLETED: (UnreportedReason.NO_GRADE, None),
            },
        ),
        (
            Observed(enrollment=ENROLLED, activity=ACTIVE, percent=4, grade=Grade(0.2, passing=False)),
            BY_PASS,
            {
                Kind.PROGRESSED: (UnreportedReason.STEP_NOT_REACHED, 4),
                Kind.PASSED: (UnreportedReason.NOT_PASSED, None),
                Kind.COMPLETED: (UnreportedReason.NOT_PASSED, 4),
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
            BY_PASS,
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
                Kind.COMPLETED: (UnreportedReason.CERTIFICATE_NOT_HELD, 0),
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
            replace(BY_PASS, undone=Undone.RETRACT),
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
        Kind.COMPLETED: (UnreportedReason.NO_CERTIFICATE, 100),
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
        enrollment=st.builds(Enrollment, created=st.just(AT), is_active=st.booleans()),
        activity=st.sampled_from([Activity(), ACTIVE]),
        percent=st.none() | st.integers(0, 100),
        percent_unlocked=st.none() | st.integers(0, 100),
        grade=st.none() | st.builds(Grade, fraction=st.just(0.5), passing=st.booleans(), passed_at=moments),
        certificate=st.none()
        | st.builds(Certificate, created=st.just(AT), is_held=st.booleans(), is_available=st.booleans()),
        is_graded=st.booleans(),
        ends_at=st.just(AT),
        has_ended=st.booleans(),
    ),
    policy=st.builds(
        Policy,
        milestones=st.sets(st.sampled_from(sorted(TOLD)), min_size=1).map(frozenset),
        completed_on=st.sampled_from(CompletedOn),
        started_on=st.sampled_from(StartedOn),
        retakes=st.sampled_from(Retakes),
    ),
    reported=st.builds(
        Reported,
        started=st.booleans(),
        percent=st.integers(0, 99),
        passed=st.booleans(),
        failed=st.booleans(),
        completed=st.booleans(),
        elsewhere=moments,
    ),
)
def test_what_is_neither_told_nor_due_has_one_reason(observed: Observed, policy: Policy, reported: Reported) -> None:
    _reported, due = milestones.due(reported, observed, policy)
    found = unreported(reported, observed, policy, due)
    kinds = [one.kind for one in found]
    settled = {milestone.kind for milestone in due}
    settled |= {kind for kind in TOLD - {Kind.PROGRESSED} if getattr(reported, kind.value)}

    assert all(isinstance(one, Unreported) for one in found)
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == TOLD - settled


ENDED = Observed(enrollment=ENROLLED, is_graded=True, grade=Grade(0.3, passing=False), ends_at=LATER, has_ended=True)
FAILURES = replace(BY_PASS, milestones=frozenset(TOLD))


@pytest.mark.parametrize(
    ("observed", "policy", "reported", "expected"),
    [
        (replace(ENDED, is_graded=False), FAILURES, Reported(), UnreportedReason.NOT_GRADED),
        (replace(ENDED, has_ended=False), FAILURES, Reported(), UnreportedReason.RUN_NOT_ENDED),
        (replace(ENDED, ends_at=None, has_ended=False), FAILURES, Reported(), UnreportedReason.RUN_NOT_ENDED),
        (replace(ENDED, grade=None), FAILURES, Reported(), UnreportedReason.NO_GRADE),
        (replace(ENDED, grade=Grade(0.9, True, passed_at=AT)), FAILURES, Reported(), UnreportedReason.PASSES),
        (ENDED, FAILURES, Reported(passed=True), UnreportedReason.REPORTED_AS_PASSED),
        (
            replace(ENDED, enrollment=Enrollment(AT, is_active=False)),
            FAILURES,
            Reported(),
            UnreportedReason.NOT_ENROLLED_NOW,
        ),
        (ENDED, replace(FAILURES, started_on=StartedOn.FIRST_ACTIVITY), Reported(), UnreportedReason.NO_ACTIVITY),
        (ENDED, FAILURES, Reported(completed=True), UnreportedReason.COMPLETED_BEFORE),
        (ENDED, BY_PASS, Reported(), None),
        (ENDED, FAILURES, Reported(elsewhere=AT), UnreportedReason.RETAKE),
    ],
)
def test_why_a_learner_is_not_told_as_failed(
    observed: Observed, policy: Policy, reported: Reported, expected: UnreportedReason | None
) -> None:
    assert found(observed, policy, reported).get(Kind.FAILED) == (expected and (expected, None))


def test_no_progress_after_failed() -> None:
    working = replace(ENDED, activity=ACTIVE, percent=80)

    assert found(working, FAILURES, Reported(started=True, failed=True))[Kind.PROGRESSED] == (
        UnreportedReason.FAILED_BEFORE,
        80,
    )


def test_a_start_that_is_chosen_late_stays_untold() -> None:
    assert found(ENDED, BY_PASS, Reported(percent=40))[Kind.STARTED] == (UnreportedReason.OTHERS_CAME_FIRST, None)


@pytest.mark.parametrize(
    ("retakes", "elsewhere", "expected"),
    [
        (Retakes.COMPLETIONS, LATER, UnreportedReason.OLDER_COMPLETION),
        (Retakes.COMPLETIONS, AT, UnreportedReason.OLDER_COMPLETION),
        (Retakes.FIRST_ONLY, AT, UnreportedReason.RETAKE),
    ],
)
def test_why_a_retake_is_not_told(retakes: Retakes, elsewhere: datetime, expected: UnreportedReason) -> None:
    again = Observed(enrollment=ENROLLED, is_graded=True, grade=Grade(0.9, True, passed_at=AT))
    reasons = found(again, replace(BY_PASS, retakes=retakes), Reported(elsewhere=elsewhere))

    assert reasons == {
        Kind.STARTED: (UnreportedReason.RETAKE, None),
        Kind.PROGRESSED: (UnreportedReason.RETAKE, None),
        Kind.PASSED: (UnreportedReason.RETAKE, None),
        Kind.COMPLETED: (expected, None),
    }
