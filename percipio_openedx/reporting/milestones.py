"""The difference between what is true in the LMS and what Percipio was told, as milestones in order. Pure.

Looking twice reports nothing twice, because what a look reports is part of what the next one compares with. The looks
may come at any time and in any number: every milestone's time is the LMS's own, not the time of the look.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from percipio_openedx.data import Enrollment, Milestone, Observed, Policy, Reported
from percipio_openedx.enums import CompletedOn, Kind, StartedOn, Undone

# The most that is told of a course's progress: the rest of it is the completion.
MOST_PROGRESS = 99
# As finely as a statement's time is written.
TICK = timedelta(milliseconds=1)


def due(reported: Reported, observed: Observed, policy: Policy) -> tuple[Reported, tuple[Milestone, ...]]:
    """What to report now, in order, and what has been told when all of it is reported.

    Arguments:
        told: what was reported before.
        truth: what the LMS says now; without an enrollment nothing is reported.
        policy: the site's choices.
    """
    if observed.enrollment is None:
        return reported, ()
    found: list[Milestone] = []
    if policy.undone is Undone.RETRACT:
        reported = _take_back(reported, observed, policy, found)
    if reported.completed:
        return reported, tuple(found)
    passed_at = _passed_at(reported, observed)
    completed_at = _completed_at(reported, observed, policy)
    later = _earliest(passed_at, completed_at)
    reported = _start(reported, observed, policy, observed.enrollment, later, found)
    reported = _progress(reported, observed, policy, completed_at, found)
    reported = _pass(reported, observed, passed_at, completed_at, found)
    return _complete(reported, observed, completed_at, found), tuple(found)


def needs_percent(reported: Reported, observed: Observed, policy: Policy) -> bool:
    """Whether the completed share, which is dear to ask for, can change what ``due`` says.

    Arguments:
        told: what was reported before.
        truth: what the LMS says now, but for the share.
        policy: the site's choices.
    """
    if observed.enrollment is None or observed.activity.last is None or reported.completed:
        return False
    without = replace(observed, percent=None, percent_unlocked=None)
    others_complete = _completed_at(reported, without, policy) is not None
    return not (others_complete and policy.completed_on is not CompletedOn.ANY)


def awaits_certificate(reported: Reported, observed: Observed, policy: Policy) -> bool:
    """Return whether the learner holds a certificate that completes the course as soon as the course shows it.

    Nothing in the LMS says when that day has come: somebody has to look again.

    Arguments:
        told: what has been reported, with what is due now.
        truth: what the LMS says now.
        policy: the site's choices.
    """
    certificate = observed.certificate
    return (
        observed.enrollment is not None
        and not reported.completed
        and policy.completed_on in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
        and certificate is not None
        and certificate.is_held
        and not certificate.is_available
    )


def _start(
    reported: Reported,
    observed: Observed,
    policy: Policy,
    enrollment: Enrollment,
    later: datetime | None,
    found: list[Milestone],
) -> Reported:
    """Started comes before everything else, so what came later implies it."""
    enrolled_at = enrollment.created
    at: datetime | None = enrolled_at
    if policy.started_on is StartedOn.FIRST_ACTIVITY:
        at = observed.activity.first
        if later is not None and (at is None or at > later):
            at = enrolled_at
    if reported.started or at is None:
        return reported
    found.append(Milestone(Kind.STARTED, at if later is None else min(at, later)))
    return replace(reported, started=True)


def _progress(
    reported: Reported, observed: Observed, policy: Policy, completed_at: datetime | None, found: list[Milestone]
) -> Reported:
    """Whenever the share passed another step; never 0 or 100, and never once the course is complete.

    All units done without a completion (which may take a pass, or a certificate) are told as 99.
    """
    progress, at = observed.progress(policy), observed.activity.last
    if progress is None or at is None or completed_at is not None or not reported.started:
        return reported
    percent = min(progress, MOST_PROGRESS)
    is_new_step = progress == 100 or progress // policy.progress_step > reported.percent // policy.progress_step
    if percent <= reported.percent or not is_new_step:
        return reported
    found.append(Milestone(Kind.PROGRESSED, at, percent=percent, seconds=observed.activity.seconds))
    return replace(reported, percent=percent)


def _pass(
    reported: Reported,
    observed: Observed,
    passed_at: datetime | None,
    completed_at: datetime | None,
    found: list[Milestone],
) -> Reported:
    """Once; and not when it came after the completion, for nothing is reported after that."""
    if reported.passed or passed_at is None or (completed_at is not None and passed_at > completed_at):
        return reported
    found.append(Milestone(Kind.PASSED, passed_at, score=_score(observed), success=True, round=reported.passed_round))
    return replace(reported, passed=True)


def _complete(
    reported: Reported, observed: Observed, completed_at: datetime | None, found: list[Milestone]
) -> Reported:
    if completed_at is None:
        return reported
    score, success = _score(observed), _success(observed)
    if reported.passed and success is False:
        # The pass stays in Percipio (a site that takes it back has done so already). Neither that pass nor the grade of
        # now may contradict it.
        score = success = None
    found.append(
        Milestone(
            Kind.COMPLETED,
            completed_at,
            score=score,
            success=success,
            seconds=observed.activity.seconds,
            round=reported.completed_round,
        )
    )
    return replace(reported, completed=True, turned_at=completed_at)


def _take_back(reported: Reported, observed: Observed, policy: Policy, found: list[Milestone]) -> Reported:
    """Retract what the LMS took back: the completion first, then the pass it rested on.

    Only what the LMS says outright counts (a grade below the mark, a certificate no longer held). A grade that is not
    there, or a course that grew a unit, takes nothing back.
    """
    at = _undone_at(reported, observed, policy)
    if reported.completed and at is not None and _completed_at(reported, observed, policy) is None:
        found.append(Milestone(Kind.RETRACTED, at, round=reported.completed_round, retracts=Kind.COMPLETED))
        reported = replace(reported, completed=False, completed_round=reported.completed_round + 1, turned_at=at)
    grade = observed.grade
    if reported.passed and grade is not None and grade.passed_at is not None and not grade.passing:
        at = grade.changed or grade.passed_at
        found.append(Milestone(Kind.RETRACTED, at, round=reported.passed_round, retracts=Kind.PASSED))
        turned_at = at if reported.turned_at is None else max(reported.turned_at, at)
        reported = replace(reported, passed=False, passed_round=reported.passed_round + 1, turned_at=turned_at)
    return reported


def _undone_at(reported: Reported, observed: Observed, policy: Policy) -> datetime | None:
    """When the LMS last took back what a completion goes by, after the completion; None where it did not."""
    grade, certificate = observed.grade, observed.certificate
    moments = []
    by_grade = policy.completed_on in (CompletedOn.PASSED, CompletedOn.ANY)
    if by_grade and grade is not None and grade.passed_at is not None and not grade.passing:
        moments.append(grade.changed or grade.passed_at)
    by_certificate = policy.completed_on in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
    if by_certificate and certificate is not None and not certificate.is_held:
        moments.append(certificate.changed or certificate.created)
    at = max(moments, default=None)
    if at is None or reported.turned_at is None or at > reported.turned_at:
        return at
    # Of several ways to complete a course, another one completed this after the one that is undone. Of one way, it can
    # be a clock alone that says so.
    return None if policy.completed_on is CompletedOn.ANY else reported.turned_at + TICK


def _passed_at(reported: Reported, observed: Observed) -> datetime | None:
    """When one passed who passes now; the second time, after a retraction, that is when the grade last changed."""
    grade = observed.grade
    if grade is None or not grade.passing or grade.passed_at is None:
        return None
    return _again(reported, grade.changed or grade.passed_at) if reported.passed_round else grade.passed_at


def _completed_at(reported: Reported, observed: Observed, policy: Policy) -> datetime | None:
    certificate = observed.certificate
    moments = {
        CompletedOn.PASSED: _passed_at(reported, observed),
        CompletedOn.PROGRESS: observed.activity.last if observed.progress(policy) == 100 else None,
        CompletedOn.CERTIFICATE: None if certificate is None else certificate.awarded_at,
    }
    at = _earliest(*moments.values()) if policy.completed_on is CompletedOn.ANY else moments[policy.completed_on]
    return _again(reported, at) if at is not None and reported.completed_round else at


def _again(reported: Reported, at: datetime) -> datetime:
    """A time after all that was taken back."""
    return at if reported.turned_at is None or at > reported.turned_at else reported.turned_at + TICK


def _score(observed: Observed) -> float | None:
    if not observed.is_graded or observed.grade is None:
        return None
    return min(1.0, max(0.0, observed.grade.fraction))


def _success(observed: Observed) -> bool | None:
    """Whether the learner passes with the very grade that is the score."""
    if not observed.is_graded or observed.grade is None:
        return None
    return observed.grade.passing


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
