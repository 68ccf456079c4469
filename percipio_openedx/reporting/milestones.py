"""Compare the observed state with the reported state and return the milestones due, in order. Pure and idempotent.

What was reported is part of the next comparison, so nothing is reported twice, however often and whenever learners are
observed. Every milestone's time is the LMS's own, not that of the observation.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from percipio_openedx.data import Milestone, Observed, Policy, Reported
from percipio_openedx.enums import CompletedOn, Kind, Undone
from percipio_openedx.reporting import moments

# The highest progress reported: 100 percent is the completion.
MOST_PROGRESS = 99
# The longest wait before a learner who awaits a date of the course is observed again: it may be moved forward, and no
# signal says whom that affects.
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
    passed_at = moments.passed_at(reported, observed) if moments.reports(Kind.PASSED, reported, policy) else None
    completed_at = moments.completion_to_report(reported, observed, policy)
    failed_at = moments.failed_at(reported, observed, policy) if completed_at is None else None
    score, success = _result(observed)
    # First or not at all: "started" would take back what was reported after it.
    started_at = moments.started_at(observed, policy, moments.earliest(passed_at, failed_at, completed_at))
    is_first = replace(reported, anew=0) == Reported() and moments.reports(Kind.STARTED, reported, policy)
    if started_at is not None and is_first:
        found.append(Milestone(Kind.STARTED, started_at))
        reported = replace(reported, started=True)
    # Never once the course is complete or failed.
    percent, last = _new_percent(reported, observed, policy), observed.activity.last
    is_over = completed_at is not None or (failed_at is not None and last is not None and last > failed_at)
    if percent is not None and last is not None and not is_over and not (is_first and started_at is None):
        found.append(Milestone(Kind.PROGRESSED, last, percent=percent))
        reported = replace(reported, percent=percent)
    # Not if it came after the completion: nothing is reported after that.
    if passed_at is not None and not reported.passed and (completed_at is None or passed_at <= completed_at):
        found.append(Milestone(Kind.PASSED, passed_at, score=score, success=True, round=reported.passed_round))
        reported = replace(reported, passed=True)
    if failed_at is not None and not reported.failed:
        found.append(Milestone(Kind.FAILED, failed_at, score=score, success=False, round=reported.failed_round))
        reported = replace(reported, failed=True, turned_at=moments.latest(reported.turned_at, failed_at))
    if completed_at is not None:
        if reported.passed and success is False:
            # The pass stays in Percipio (a site that retracts it has done so above). The current grade must not
            # contradict it.
            score = success = None
        number = reported.completed_round
        found.append(Milestone(Kind.COMPLETED, completed_at, score=score, success=success, round=number))
        turned_at = moments.latest(reported.turned_at, completed_at)
        reported = replace(reported, completed=True, completed_at=completed_at, turned_at=turned_at)
    return reported, _numbered(found, reported)


def _numbered(found: list[Milestone], reported: Reported) -> tuple[Milestone, ...]:
    """Return the milestones with the number of the time that everything is reported, so that ids are new each time."""
    return tuple(replace(milestone, anew=reported.anew) if reported.anew else milestone for milestone in found)


def needs_percent(reported: Reported, observed: Observed, policy: Policy) -> bool:
    """Whether the progress, which is expensive and not in ``observed`` yet, can change the result of ``due``.

    Never without a complete block: the progress is 0 then, and asking makes the platform write (it draws the learner's
    exam questions, and assigns experiment groups and cohorts).
    """
    if observed.enrollment is None or observed.activity.last is None or reported.completed:
        return False
    way = moments.way_to_complete(observed, policy)
    if not observed.activity.has_complete_block:
        return False
    by_units = way in (CompletedOn.PROGRESS, CompletedOn.ANY) and moments.reports(Kind.COMPLETED, reported, policy)
    if not by_units and not moments.reports(Kind.PROGRESSED, reported, policy):
        return False
    without = replace(observed, percent=None, percent_unlocked=None)
    others_complete = moments.completion_to_report(reported, without, policy) is not None
    return not (others_complete and way is not CompletedOn.ANY)


def awaits_certificate(reported: Reported, observed: Observed, policy: Policy) -> bool:
    """Whether the learner holds a certificate that completes the course once shown (no signal says when that is)."""
    certificate = observed.certificate
    return (
        observed.enrollment is not None
        and not reported.completed
        and moments.reports(Kind.COMPLETED, reported, policy)
        and moments.way_to_complete(observed, policy) in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
        and certificate is not None
        and certificate.is_held
        and not certificate.is_available
    )


def awaits_end(reported: Reported, observed: Observed, policy: Policy) -> bool:
    """Whether the learner, who does not pass now, fails when the course run ends (no signal says when that is)."""
    return (
        observed.ends_at is not None
        and not observed.has_ended
        and not (reported.completed or reported.failed)
        and moments.reports(Kind.FAILED, reported, policy)
        and moments.can_fail(reported, observed, policy)
    )


def observe_again_at(
    reported: Reported, observed: Observed, policy: Policy, now: datetime, planned: datetime | None
) -> datetime | None:
    """Return when to observe again without a notice, else None; an earlier ``planned`` time is kept."""
    awaited = []
    if observed.certificate is not None and awaits_certificate(reported, observed, policy):
        awaited.append(observed.certificate.available_at)
    if awaits_end(reported, observed, policy):
        awaited.append(observed.ends_at)
    if not awaited:
        return None
    latest = now + LONGEST_WAIT
    at = min((date for date in awaited if date is not None and now < date < latest), default=latest)
    return planned if planned is not None and now < planned <= at else at


def _new_percent(reported: Reported, observed: Observed, policy: Policy) -> int | None:
    """Return the progress if it passed another step: never 0, and 99 for all units, as 100 is the completion."""
    progress = observed.progress(policy)
    if progress is None or reported.failed or not moments.reports(Kind.PROGRESSED, reported, policy):
        return None
    percent = min(progress, MOST_PROGRESS)
    is_new_step = progress == 100 or progress // policy.progress_step > reported.percent // policy.progress_step
    return percent if percent > reported.percent and is_new_step else None


def _retract(reported: Reported, observed: Observed, policy: Policy, found: list[Milestone]) -> Reported:
    """Retract what the LMS took back, chosen or not: the completion first, then the pass it rested on, or the failure.

    Only explicit changes count (a grade below or above the pass mark, a certificate no longer held, an end that was
    moved). A missing grade, or a unit added to the course, retracts nothing.
    """
    at = moments.undone_at(reported, observed, policy)
    if reported.completed and at is not None and moments.completed_at(reported, observed, policy) is None:
        found.append(Milestone(Kind.RETRACTED, at, round=reported.completed_round, retracts=Kind.COMPLETED))
        number = reported.completed_round + 1
        reported = replace(reported, completed=False, completed_round=number, completed_at=None, turned_at=at)
    if reported.passed and (at := moments.fell_at(observed)) is not None:
        found.append(Milestone(Kind.RETRACTED, at, round=reported.passed_round, retracts=Kind.PASSED))
        turned_at = moments.latest(reported.turned_at, at)
        reported = replace(reported, passed=False, passed_round=reported.passed_round + 1, turned_at=turned_at)
    if reported.failed and (at := moments.recovered_at(reported, observed)) is not None:
        found.append(Milestone(Kind.RETRACTED, at, round=reported.failed_round, retracts=Kind.FAILED))
        reported = replace(reported, failed=False, failed_round=reported.failed_round + 1, turned_at=at)
    return reported


def _result(observed: Observed) -> tuple[float | None, bool | None]:
    """Return the score of a graded course, and whether the learner passes with it."""
    if not observed.is_graded or observed.grade is None:
        return None, None
    return min(1.0, max(0.0, observed.grade.fraction)), observed.grade.passing
