"""Explain why a milestone is not reported although its learner is. Pure; mirrors ``milestones.due``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from percipio_openedx.data import Milestone, Observed, Policy, Reported
from percipio_openedx.enums import CompletedOn, Kind, UnreportedReason
from percipio_openedx.reporting import moments

# With several ways to complete a course, the nearest are those where only this is missing.
NEAR = (UnreportedReason.CERTIFICATE_NOT_SHOWN, UnreportedReason.UNITS_LOCKED)


@dataclass(frozen=True, slots=True)
class Unreported:
    """A kind of milestone that is not reported, and why; ``percent`` is the progress if the reason is about it."""

    kind: Kind
    why: UnreportedReason
    percent: int | None = None


def unreported(reported: Reported, observed: Observed, policy: Policy, due: Sequence[Milestone]) -> list[Unreported]:
    """Return what is neither reported nor due, in reporting order."""
    kinds = {milestone.kind for milestone in due}
    found = []
    for kind in (Kind.STARTED, Kind.PROGRESSED, Kind.PASSED, Kind.FAILED, Kind.COMPLETED):
        if kind in kinds or (kind is not Kind.PROGRESSED and getattr(reported, kind.value)):
            continue
        if moments.reports(kind, reported, policy):
            found.append(_why(kind, reported, observed, policy, kinds))
        else:
            is_chosen = kind in policy.milestones
            found.append(Unreported(kind, UnreportedReason.RETAKE if is_chosen else UnreportedReason.NOT_CHOSEN))
    return found


def _why(kind: Kind, reported: Reported, observed: Observed, policy: Policy, due: set[Kind]) -> Unreported:
    if kind is Kind.PROGRESSED:
        return Unreported(kind, _progress(reported, observed, policy, due), observed.progress(policy))
    if kind is Kind.COMPLETED:
        return _completion(reported, observed, policy)
    if kind is Kind.FAILED:
        return Unreported(kind, _failure(reported, observed, policy, due))
    if kind is Kind.PASSED:
        return Unreported(kind, _pass(observed) or UnreportedReason.COMPLETED_BEFORE)
    is_late = reported != Reported()
    return Unreported(kind, UnreportedReason.OTHERS_CAME_FIRST if is_late else UnreportedReason.NO_ACTIVITY)


def _failure(reported: Reported, observed: Observed, policy: Policy, due: set[Kind]) -> UnreportedReason:
    enrollment, grade = observed.enrollment, observed.grade
    if not observed.is_graded:
        return UnreportedReason.NOT_GRADED
    if grade is not None and grade.passing:
        return UnreportedReason.PASSES
    if reported.completed or Kind.COMPLETED in due:
        return UnreportedReason.COMPLETED_BEFORE
    if reported.passed:
        return UnreportedReason.REPORTED_AS_PASSED
    if not observed.has_ended:
        return UnreportedReason.RUN_NOT_ENDED
    if enrollment is not None and not enrollment.is_active:
        return UnreportedReason.NOT_ENROLLED_NOW
    return UnreportedReason.NO_GRADE if grade is None else UnreportedReason.NO_ACTIVITY


def _progress(reported: Reported, observed: Observed, policy: Policy, due: set[Kind]) -> UnreportedReason:
    percent = observed.progress(policy)
    if reported.completed or Kind.COMPLETED in due:
        return UnreportedReason.COMPLETED_BEFORE
    if reported.failed or Kind.FAILED in due:
        return UnreportedReason.FAILED_BEFORE
    if observed.activity.last is None:
        return UnreportedReason.NO_ACTIVITY
    if percent is None:
        return UnreportedReason.PROGRESS_UNKNOWN
    if percent == 0:
        return UnreportedReason.NO_PROGRESS
    return UnreportedReason.ALL_UNITS if percent >= 100 else UnreportedReason.STEP_NOT_REACHED


def _pass(observed: Observed) -> UnreportedReason | None:
    """Return why the learner has not passed; None if passed."""
    if observed.grade is None:
        return UnreportedReason.NO_GRADE
    if observed.grade.passed_at is None:
        return UnreportedReason.NOT_PASSED
    return None if observed.grade.passing else UnreportedReason.NOT_PASSING_NOW


def _completion(reported: Reported, observed: Observed, policy: Policy) -> Unreported:
    percent = observed.progress(policy)
    if moments.completed_at(reported, observed, policy) is not None:
        return Unreported(Kind.COMPLETED, UnreportedReason.OLDER_COMPLETION)
    match moments.way_to_complete(observed, policy):
        case CompletedOn.PASSED:
            return Unreported(Kind.COMPLETED, _pass(observed) or UnreportedReason.NOT_PASSED)
        case CompletedOn.PROGRESS:
            return Unreported(Kind.COMPLETED, _units(observed, percent), percent)
        case CompletedOn.CERTIFICATE:
            return Unreported(Kind.COMPLETED, _certificate(observed))
    near = [why for why in (_certificate(observed), _units(observed, percent)) if why in NEAR]
    return Unreported(Kind.COMPLETED, near[0] if near else UnreportedReason.NONE_OF_THREE, percent)


def _units(observed: Observed, percent: int | None) -> UnreportedReason:
    if observed.activity.last is None:
        return UnreportedReason.NO_ACTIVITY
    if percent is None:
        return UnreportedReason.PROGRESS_UNKNOWN
    is_locked = percent < 100 and observed.percent_unlocked == 100
    return UnreportedReason.UNITS_LOCKED if is_locked else UnreportedReason.UNITS_LEFT


def _certificate(observed: Observed) -> UnreportedReason:
    if observed.certificate is None:
        return UnreportedReason.NO_CERTIFICATE
    is_held = observed.certificate.is_held
    return UnreportedReason.CERTIFICATE_NOT_SHOWN if is_held else UnreportedReason.CERTIFICATE_NOT_HELD
