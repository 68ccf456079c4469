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
    """A kind of milestone that is not reported, and why; ``percent`` is the progress where it may matter."""

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
        percent = observed.progress(policy) if kind in (Kind.PROGRESSED, Kind.COMPLETED) else None
        found.append(Unreported(kind, _why(kind, reported, observed, policy, kinds), percent))
    return found


def _why(kind: Kind, reported: Reported, observed: Observed, policy: Policy, due: set[Kind]) -> UnreportedReason:
    if not moments.reports(kind, reported, policy):
        return UnreportedReason.RETAKE if kind in policy.milestones else UnreportedReason.NOT_CHOSEN
    match kind:
        case Kind.PROGRESSED:
            return _progress(reported, observed, policy, due)
        case Kind.PASSED:
            return _pass(observed) or UnreportedReason.COMPLETED_BEFORE
        case Kind.FAILED:
            return _failure(reported, observed, due)
        case Kind.COMPLETED:
            return _completion(reported, observed, policy)
    return UnreportedReason.NO_ACTIVITY if reported == Reported() else UnreportedReason.OTHERS_CAME_FIRST


def _failure(reported: Reported, observed: Observed, due: set[Kind]) -> UnreportedReason:
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


def _completion(reported: Reported, observed: Observed, policy: Policy) -> UnreportedReason:
    if moments.completed_at(reported, observed, policy) is not None:
        return UnreportedReason.OLDER_COMPLETION
    units = _units(observed, observed.progress(policy))
    match moments.way_to_complete(observed, policy):
        case CompletedOn.PASSED:
            return _pass(observed) or UnreportedReason.NOT_PASSED
        case CompletedOn.PROGRESS:
            return units
        case CompletedOn.CERTIFICATE:
            return _certificate(observed)
    return next((why for why in (_certificate(observed), units) if why in NEAR), UnreportedReason.NONE_OF_THREE)


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
