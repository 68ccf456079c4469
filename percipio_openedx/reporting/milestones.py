"""Compare the observed state with the reported state and return the milestones due, in order. Pure and idempotent.

What was reported is part of the next comparison, so nothing is reported twice, however often and whenever learners are
observed. Every milestone's time is the LMS's own, not that of the observation.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from percipio_openedx.data import Milestone, Observed, Policy, Reported
from percipio_openedx.enums import CompletedOn, Kind, StartedOn, Undone

# The highest progress reported: 100 percent is the completion.
MOST_PROGRESS = 99
# The resolution of a statement's timestamp.
TICK = timedelta(milliseconds=1)
# The longest wait before a learner who awaits a certificate is observed again: the course's date may be moved forward,
# and no signal says whose certificates that affects.
LONGEST_WAIT = timedelta(days=1)


def due(reported: Reported, observed: Observed, policy: Policy) -> tuple[Reported, tuple[Milestone, ...]]:
    """Return the reported state after all due milestones, and these in order; none without an enrollment."""
    if observed.enrollment is None:
        return reported, ()
    found: list[Milestone] = []
    if policy.undone is Undone.RETRACT:
        reported = _retract(reported, observed, policy, found)
    if reported.completed:
        return reported, _numbered(found, reported)
    passed_at = _passed_at(reported, observed)
    completed_at = _completed_at(reported, observed, policy)
    score, success = _result(observed)
    # First, since every other milestone implies it.
    started_at = _started_at(observed, policy, _earliest(passed_at, completed_at))
    if started_at is not None and not reported.started:
        found.append(Milestone(Kind.STARTED, started_at))
        reported = replace(reported, started=True)
    # Never once the course is complete.
    percent, last, seconds = _new_percent(reported, observed, policy), observed.activity.last, observed.activity.seconds
    if percent is not None and last is not None and reported.started and completed_at is None:
        found.append(Milestone(Kind.PROGRESSED, last, percent=percent, seconds=seconds))
        reported = replace(reported, percent=percent)
    # Not if it came after the completion: nothing is reported after that.
    if passed_at is not None and not reported.passed and (completed_at is None or passed_at <= completed_at):
        found.append(Milestone(Kind.PASSED, passed_at, score=score, success=True, round=reported.passed_round))
        reported = replace(reported, passed=True)
    if completed_at is not None:
        if reported.passed and success is False:
            # The pass stays in Percipio (a site that retracts it has done so above). The current grade must not
            # contradict it.
            score = success = None
        number = reported.completed_round
        milestone = Milestone(Kind.COMPLETED, completed_at, score=score, success=success, seconds=seconds, round=number)
        found.append(milestone)
        reported = replace(reported, completed=True, turned_at=completed_at)
    return reported, _numbered(found, reported)


def _numbered(found: list[Milestone], reported: Reported) -> tuple[Milestone, ...]:
    """Return the milestones with the number of the time that everything is reported, so that ids are new each time."""
    return tuple(replace(milestone, anew=reported.anew) for milestone in found)


def needs_percent(reported: Reported, observed: Observed, policy: Policy) -> bool:
    """Whether the progress, which is expensive and not in ``observed`` yet, can change the result of ``due``.

    Never without a complete block: the progress is 0 then, and asking makes the platform write (it draws the learner's
    exam questions, and assigns experiment groups and cohorts).
    """
    if observed.enrollment is None or observed.activity.last is None or reported.completed:
        return False
    if not observed.activity.has_complete_block:
        return False
    without = replace(observed, percent=None, percent_unlocked=None)
    others_complete = _completed_at(reported, without, policy) is not None
    return not (others_complete and policy.completed_on is not CompletedOn.ANY)


def awaits_certificate(reported: Reported, observed: Observed, policy: Policy) -> bool:
    """Whether the learner holds a certificate that completes the course once shown (no signal says when that is)."""
    certificate = observed.certificate
    return (
        observed.enrollment is not None
        and not reported.completed
        and policy.completed_on in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
        and certificate is not None
        and certificate.is_held
        and not certificate.is_available
    )


def observe_again_at(
    reported: Reported, observed: Observed, policy: Policy, now: datetime, planned: datetime | None
) -> datetime | None:
    """Return when to observe again without a notice, else None; an earlier ``planned`` time is kept."""
    if observed.certificate is None or not awaits_certificate(reported, observed, policy):
        return None
    latest, shown_at = now + LONGEST_WAIT, observed.certificate.available_at
    at = shown_at if shown_at is not None and now < shown_at < latest else latest
    return planned if planned is not None and now < planned <= at else at


def _started_at(observed: Observed, policy: Policy, later: datetime | None) -> datetime | None:
    at = observed.enrollment.created if observed.enrollment is not None else None
    if policy.started_on is StartedOn.FIRST_ACTIVITY:
        first = observed.activity.first
        if later is None or (first is not None and first <= later):
            at = first
    return _earliest(at, later) if at is not None else None


def _new_percent(reported: Reported, observed: Observed, policy: Policy) -> int | None:
    """Return the progress if it passed another step: never 0, and 99 for all units, as 100 is the completion."""
    progress = observed.progress(policy)
    if progress is None:
        return None
    percent = min(progress, MOST_PROGRESS)
    is_new_step = progress == 100 or progress // policy.progress_step > reported.percent // policy.progress_step
    return percent if percent > reported.percent and is_new_step else None


def _retract(reported: Reported, observed: Observed, policy: Policy, found: list[Milestone]) -> Reported:
    """Retract what the LMS took back: the completion first, then the pass it rested on.

    Only explicit changes count (a grade below the pass mark, a certificate no longer held). A missing grade, or a unit
    added to the course, retracts nothing.
    """
    at = _undone_at(reported, observed, policy)
    if reported.completed and at is not None and _completed_at(reported, observed, policy) is None:
        found.append(Milestone(Kind.RETRACTED, at, round=reported.completed_round, retracts=Kind.COMPLETED))
        reported = replace(reported, completed=False, completed_round=reported.completed_round + 1, turned_at=at)
    if reported.passed and (at := _failed_at(observed)) is not None:
        found.append(Milestone(Kind.RETRACTED, at, round=reported.passed_round, retracts=Kind.PASSED))
        turned_at = at if reported.turned_at is None else max(reported.turned_at, at)
        reported = replace(reported, passed=False, passed_round=reported.passed_round + 1, turned_at=turned_at)
    return reported


def _undone_at(reported: Reported, observed: Observed, policy: Policy) -> datetime | None:
    """Return when the LMS last took back the basis of a completion, after the completion; None if it did not."""
    certificate = observed.certificate
    moments = []
    if policy.completed_on in (CompletedOn.PASSED, CompletedOn.ANY):
        moments.append(_failed_at(observed))
    by_certificate = policy.completed_on in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
    if by_certificate and certificate is not None and not certificate.is_held:
        moments.append(certificate.changed or certificate.created)
    at = max((moment for moment in moments if moment is not None), default=None)
    if at is None or reported.turned_at is None or at > reported.turned_at:
        return at
    # With several ways to complete a course, another one completed it after the one now undone. With one way, only
    # clock skew explains an earlier time.
    return None if policy.completed_on is CompletedOn.ANY else reported.turned_at + TICK


def _failed_at(observed: Observed) -> datetime | None:
    """Return when a learner who had passed failed; None if the learner passes now or never passed."""
    grade = observed.grade
    if grade is None or grade.passed_at is None or grade.passing:
        return None
    return grade.changed or grade.passed_at


def _passed_at(reported: Reported, observed: Observed) -> datetime | None:
    """Return when a learner who passes now passed; after a retraction, when the grade last changed."""
    grade = observed.grade
    if grade is None or not grade.passing or grade.passed_at is None:
        return None
    return _after_retraction(reported, grade.changed or grade.passed_at) if reported.passed_round else grade.passed_at


def _completed_at(reported: Reported, observed: Observed, policy: Policy) -> datetime | None:
    moments = {
        CompletedOn.PASSED: _passed_at(reported, observed),
        CompletedOn.PROGRESS: observed.activity.last if observed.progress(policy) == 100 else None,
        CompletedOn.CERTIFICATE: None if observed.certificate is None else observed.certificate.awarded_at,
    }
    at = _earliest(*moments.values()) if policy.completed_on is CompletedOn.ANY else moments[policy.completed_on]
    return _after_retraction(reported, at) if at is not None and reported.completed_round else at


def _after_retraction(reported: Reported, at: datetime) -> datetime:
    return at if reported.turned_at is None or at > reported.turned_at else reported.turned_at + TICK


def _result(observed: Observed) -> tuple[float | None, bool | None]:
    """Return the score of a graded course, and whether the learner passes with it."""
    if not observed.is_graded or observed.grade is None:
        return None, None
    return min(1.0, max(0.0, observed.grade.fraction)), observed.grade.passing


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
