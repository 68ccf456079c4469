"""When each fact of a learner in a course run came true by the LMS's own times, and whether it is reported. Pure.

``milestones`` decides by these what is due.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from percipio_openedx.data import Observed, Policy, Reported
from percipio_openedx.enums import CompletedOn, Kind, Retakes, StartedOn

# The resolution of a statement's timestamp.
TICK = timedelta(milliseconds=1)


def reports(kind: Kind, reported: Reported, policy: Policy) -> bool:
    """Whether a milestone of this kind is reported, by ``PERCIPIO_MILESTONES`` and ``PERCIPIO_RETAKES``."""
    if kind not in policy.milestones:
        return False
    if reported.elsewhere is None or policy.retakes is Retakes.EVERYTHING:
        return True
    return policy.retakes is Retakes.COMPLETIONS and kind is Kind.COMPLETED


def way_to_complete(observed: Observed, policy: Policy) -> CompletedOn:
    """Return by what this course run is completed; never ``CompletedOn.COURSE``."""
    if policy.completed_on is not CompletedOn.COURSE:
        return policy.completed_on
    return CompletedOn.PASSED if observed.is_graded else CompletedOn.PROGRESS


def started_at(observed: Observed, policy: Policy, later: datetime | None) -> datetime | None:
    """Return when the course run was started, at the latest with the first ``later`` milestone; None if it was not."""
    at = observed.enrollment.created if observed.enrollment is not None else None
    if policy.started_on is StartedOn.FIRST_ACTIVITY:
        first = observed.activity.first
        if later is None or (first is not None and first <= later):
            at = first
    return earliest(at, later) if at is not None else None


def passed_at(reported: Reported, observed: Observed) -> datetime | None:
    """Return when a learner who passes now passed; after a retraction or failure, when the grade last changed."""
    grade = observed.grade
    if grade is None or not grade.passing or grade.passed_at is None:
        return None
    if not (reported.passed_round or reported.failed or reported.failed_round):
        return grade.passed_at
    return _after_turn(reported, grade.changed or grade.passed_at)


def completed_at(reported: Reported, observed: Observed, policy: Policy) -> datetime | None:
    """Return when the course run was completed; after a retraction or failure, later than that."""
    moments = {
        CompletedOn.PASSED: passed_at(reported, observed),
        CompletedOn.PROGRESS: observed.activity.last if observed.progress(policy) == 100 else None,
        CompletedOn.CERTIFICATE: None if observed.certificate is None else observed.certificate.awarded_at,
    }
    way = way_to_complete(observed, policy)
    at = earliest(*moments.values()) if way is CompletedOn.ANY else moments[way]
    is_again = reported.completed_round or reported.failed or reported.failed_round
    return _after_turn(reported, at) if at is not None and is_again else at


def completion_to_report(reported: Reported, observed: Observed, policy: Policy) -> datetime | None:
    """Return when the course run was completed; None if that is not reported.

    A completion that is not later than the one reported of another run would set Percipio's record back.
    """
    if not reports(Kind.COMPLETED, reported, policy):
        return None
    at = completed_at(reported, observed, policy)
    elsewhere = reported.elsewhere if policy.retakes is Retakes.COMPLETIONS else None
    return None if at is not None and elsewhere is not None and at <= elsewhere else at


def failed_at(reported: Reported, observed: Observed, policy: Policy) -> datetime | None:
    """Return when a learner failed: at the end of the run, or when the grade last changed if that was later."""
    if observed.ends_at is None or not observed.has_ended or not reports(Kind.FAILED, reported, policy):
        return None
    if observed.grade is None or not can_fail(reported, observed, policy):
        return None
    at = latest(observed.grade.changed, observed.ends_at)
    return _after_turn(reported, at) if reported.failed_round or reported.passed_round else at


def can_fail(reported: Reported, observed: Observed, policy: Policy) -> bool:
    """Whether the end of the run makes a learner fail with the present grade.

    Not one who has left or never began, nor one whose reported pass is kept. A learner without a stored grade does not
    fail either (``failed_at``): on some sites the LMS stores none, of anybody.
    """
    enrollment, grade = observed.enrollment, observed.grade
    return (
        observed.is_graded
        and enrollment is not None
        and enrollment.is_active
        and not reported.passed
        and not (grade is not None and grade.passing)
        and started_at(observed, policy, None) is not None
    )


def fell_at(observed: Observed) -> datetime | None:
    """Return when a learner who had passed fell below the mark; None if the learner passes now or never passed."""
    grade = observed.grade
    if grade is None or grade.passed_at is None or grade.passing:
        return None
    return grade.changed or grade.passed_at


def undone_at(reported: Reported, observed: Observed, policy: Policy) -> datetime | None:
    """Return when the LMS last took back the basis of a completion, after the completion; None if it did not."""
    certificate, way = observed.certificate, way_to_complete(observed, policy)
    moments = []
    if way in (CompletedOn.PASSED, CompletedOn.ANY):
        moments.append(fell_at(observed))
    by_certificate = way in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
    if by_certificate and certificate is not None and not certificate.is_held:
        moments.append(certificate.changed or certificate.created)
    at = max((moment for moment in moments if moment is not None), default=None)
    if at is None or reported.turned_at is None or at > reported.turned_at:
        return at
    # With several ways to complete a course, another one completed it after the one now undone. With one way, only
    # clock skew explains an earlier time.
    return None if way is CompletedOn.ANY else reported.turned_at + TICK


def recovered_at(reported: Reported, observed: Observed) -> datetime | None:
    """Return when a reported failure stopped being true: by a grade that passes, or an end that is ahead or gone."""
    grade = observed.grade
    if grade is not None and grade.passing:
        at = grade.changed or grade.passed_at
        return None if at is None else _after_turn(reported, at)
    # The LMS does not keep when an end was moved.
    return None if observed.has_ended or reported.turned_at is None else reported.turned_at + TICK


def _after_turn(reported: Reported, at: datetime) -> datetime:
    return at if reported.turned_at is None or at > reported.turned_at else reported.turned_at + TICK


def earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def latest(earlier: datetime | None, at: datetime) -> datetime:
    return at if earlier is None else max(earlier, at)
