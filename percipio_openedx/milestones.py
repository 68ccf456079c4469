"""The difference between what is true in the LMS and what Percipio was told, as milestones in order. Pure.

Looking twice reports nothing twice, because what a look reports is part of what the next one compares with. The looks
may come at any time and in any number: every milestone's time is the LMS's own, not the time of the look.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from percipio_openedx.codes import CompletedOn, Kind, StartedOn, Undone
from percipio_openedx.data import Enrollment, Milestone, Policy, Score, Told, Truth

# The most that is told of a course's progress: the rest of it is the completion.
MOST_PROGRESS = 99
# As finely as a statement's time is written.
TICK = timedelta(milliseconds=1)
# The longest time until a learner who awaits a certificate is observed again: a course's day may be brought forward,
# and no signal tells whose certificates that is about.
LONGEST_WAIT = timedelta(days=1)


def due(told: Told, truth: Truth, policy: Policy) -> tuple[Told, tuple[Milestone, ...]]:
    """What to report now, in order, and what has been told when all of it is reported.

    Arguments:
        told: what was reported before.
        truth: what the LMS says now; without an enrollment nothing is reported.
        policy: the site's choices.
    """
    if truth.enrollment is None:
        return told, ()
    found: list[Milestone] = []
    if policy.undone is Undone.RETRACT:
        told = _take_back(told, truth, policy, found)
    if told.completed:
        return told, tuple(found)
    passed_at = _passed_at(told, truth)
    completed_at = _completed_at(told, truth, policy)
    later = _earliest(passed_at, completed_at)
    told = _start(told, truth, policy, truth.enrollment, later, found)
    told = _progress(told, truth, policy, completed_at, found)
    told = _pass(told, truth, passed_at, completed_at, found)
    return _complete(told, truth, completed_at, found), tuple(found)


def needs_percent(told: Told, truth: Truth, policy: Policy) -> bool:
    """Whether the completed share, which is dear to ask for, can change what ``due`` says.

    Arguments:
        told: what was reported before.
        truth: what the LMS says now, but for the share.
        policy: the site's choices.
    """
    if truth.enrollment is None or truth.activity.last is None or told.completed:
        return False
    without = replace(truth, percent=None, percent_unlocked=None)
    others_complete = _completed_at(told, without, policy) is not None
    return not (others_complete and policy.completed_on is not CompletedOn.ANY)


def awaits_certificate(told: Told, truth: Truth, policy: Policy) -> bool:
    """Return whether the learner holds a certificate that completes the course as soon as the course shows it.

    Nothing in the LMS says when that day has come: somebody has to look again.

    Arguments:
        told: what has been reported, with what is due now.
        truth: what the LMS says now.
        policy: the site's choices.
    """
    certificate = truth.certificate
    return (
        truth.enrollment is not None
        and not told.completed
        and policy.completed_on in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
        and certificate is not None
        and certificate.is_held
        and not certificate.is_available
    )


def observe_again_at(
    told: Told, truth: Truth, policy: Policy, now: datetime, planned: datetime | None
) -> datetime | None:
    """Return when to observe a learner again although nobody may do anything; None for only when something happens.

    Arguments:
        told: what has been reported, with what is due now.
        truth: what the LMS says now.
        policy: the site's choices.
        now: the time of the observation.
        planned: the time that is set already; it stays where it is no later.
    """
    if truth.certificate is None or not awaits_certificate(told, truth, policy):
        return None
    latest, shown_at = now + LONGEST_WAIT, truth.certificate.available_at
    at = shown_at if shown_at is not None and now < shown_at < latest else latest
    return planned if planned is not None and now < planned <= at else at


def _start(
    told: Told,
    truth: Truth,
    policy: Policy,
    enrollment: Enrollment,
    later: datetime | None,
    found: list[Milestone],
) -> Told:
    """Started comes before everything else, so what came later implies it."""
    enrolled_at = enrollment.created
    at: datetime | None = enrolled_at
    if policy.started_on is StartedOn.FIRST_ACTIVITY:
        at = truth.activity.first
        if later is not None and (at is None or at > later):
            at = enrolled_at
    if told.started or at is None:
        return told
    found.append(Milestone(Kind.STARTED, at if later is None else min(at, later)))
    return replace(told, started=True)


def _progress(told: Told, truth: Truth, policy: Policy, completed_at: datetime | None, found: list[Milestone]) -> Told:
    """Whenever the share passed another step; never 0 or 100, and never once the course is complete.

    All units done without a completion (which may take a pass, or a certificate) are told as 99.
    """
    share, at = truth.share(policy), truth.activity.last
    if share is None or at is None or completed_at is not None or not told.started:
        return told
    percent = min(share, MOST_PROGRESS)
    is_new_step = share == 100 or share // policy.progress_step > told.percent // policy.progress_step
    if percent <= told.percent or not is_new_step:
        return told
    found.append(Milestone(Kind.PROGRESSED, at, percent=percent, seconds=truth.activity.seconds))
    return replace(told, percent=percent)


def _pass(
    told: Told, truth: Truth, passed_at: datetime | None, completed_at: datetime | None, found: list[Milestone]
) -> Told:
    """Once; and not when it came after the completion, for nothing is reported after that."""
    if told.passed or passed_at is None or (completed_at is not None and passed_at > completed_at):
        return told
    found.append(Milestone(Kind.PASSED, passed_at, score=_score(truth), success=True, round=told.passed_round))
    return replace(told, passed=True)


def _complete(told: Told, truth: Truth, completed_at: datetime | None, found: list[Milestone]) -> Told:
    if completed_at is None:
        return told
    score, success = _score(truth), _success(truth)
    if told.passed and success is False:
        # The pass stays in Percipio (a site that takes it back has done so already). Neither that pass nor the grade of
        # now may contradict it.
        score = success = None
    found.append(
        Milestone(
            Kind.COMPLETED,
            completed_at,
            score=score,
            success=success,
            seconds=truth.activity.seconds,
            round=told.completed_round,
        )
    )
    return replace(told, completed=True, turned_at=completed_at)


def _take_back(told: Told, truth: Truth, policy: Policy, found: list[Milestone]) -> Told:
    """Retract what the LMS took back: the completion first, then the pass it rested on.

    Only what the LMS says outright counts (a grade below the mark, a certificate no longer held). A grade that is not
    there, or a course that grew a unit, takes nothing back.
    """
    at = _undone_at(told, truth, policy)
    if told.completed and at is not None and _completed_at(told, truth, policy) is None:
        found.append(Milestone(Kind.RETRACTED, at, round=told.completed_round, retracts=Kind.COMPLETED))
        told = replace(told, completed=False, completed_round=told.completed_round + 1, turned_at=at)
    grade = truth.grade
    if told.passed and grade is not None and grade.passed_at is not None and not grade.passing:
        at = grade.changed or grade.passed_at
        found.append(Milestone(Kind.RETRACTED, at, round=told.passed_round, retracts=Kind.PASSED))
        turned_at = at if told.turned_at is None else max(told.turned_at, at)
        told = replace(told, passed=False, passed_round=told.passed_round + 1, turned_at=turned_at)
    return told


def _undone_at(told: Told, truth: Truth, policy: Policy) -> datetime | None:
    """When the LMS last took back what a completion goes by, after the completion; None where it did not."""
    grade, certificate = truth.grade, truth.certificate
    moments = []
    by_grade = policy.completed_on in (CompletedOn.PASSED, CompletedOn.ANY)
    if by_grade and grade is not None and grade.passed_at is not None and not grade.passing:
        moments.append(grade.changed or grade.passed_at)
    by_certificate = policy.completed_on in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
    if by_certificate and certificate is not None and not certificate.is_held:
        moments.append(certificate.changed or certificate.created)
    at = max(moments, default=None)
    if at is None or told.turned_at is None or at > told.turned_at:
        return at
    # Of several ways to complete a course, another one completed this after the one that is undone. Of one way, it can
    # be a clock alone that says so.
    return None if policy.completed_on is CompletedOn.ANY else told.turned_at + TICK


def _passed_at(told: Told, truth: Truth) -> datetime | None:
    """When one passed who passes now; the second time, after a retraction, that is when the grade last changed."""
    grade = truth.grade
    if grade is None or not grade.passing or grade.passed_at is None:
        return None
    return _again(told, grade.changed or grade.passed_at) if told.passed_round else grade.passed_at


def _completed_at(told: Told, truth: Truth, policy: Policy) -> datetime | None:
    certificate = truth.certificate
    moments = {
        CompletedOn.PASSED: _passed_at(told, truth),
        CompletedOn.PROGRESS: truth.activity.last if truth.share(policy) == 100 else None,
        CompletedOn.CERTIFICATE: None if certificate is None else certificate.awarded_at,
    }
    at = _earliest(*moments.values()) if policy.completed_on is CompletedOn.ANY else moments[policy.completed_on]
    return _again(told, at) if at is not None and told.completed_round else at


def _again(told: Told, at: datetime) -> datetime:
    """A time after all that was taken back."""
    return at if told.turned_at is None or at > told.turned_at else told.turned_at + TICK


def _score(truth: Truth) -> Score | None:
    if not truth.is_graded or truth.grade is None:
        return None
    return Score(scaled=min(1.0, max(0.0, truth.grade.fraction)))


def _success(truth: Truth) -> bool | None:
    """Whether the learner passes with the very grade that is the score."""
    if not truth.is_graded or truth.grade is None:
        return None
    return truth.grade.passing


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
