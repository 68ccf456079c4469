"""Why a milestone is not reported, although its learner is. Pure.

The mirror of ``milestones.due``: for every kind that is neither told nor due, the reason in the LMS or in the site's
policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from percipio_openedx.data import Milestone, Observed, Policy, Reported
from percipio_openedx.enums import CompletedOn, Kind, UnreportedReason


@dataclass(frozen=True, slots=True)
class Unreported:
    """A kind of milestone that is not reported, and why; ``percent`` is the share where the reason is about it."""

    kind: Kind
    why: UnreportedReason
    percent: int | None = None


def unreported(reported: Reported, observed: Observed, policy: Policy, due: Sequence[Milestone]) -> list[Unreported]:
    """What is missing, in the order in which it would be reported.

    Arguments:
        told: what was reported before.
        truth: what the LMS says now.
        policy: the site's choices.
        due: what is to be reported now.
    """
    kinds = {milestone.kind for milestone in due}
    found = []
    if not reported.started and Kind.STARTED not in kinds:
        found.append(Unreported(Kind.STARTED, UnreportedReason.NO_ACTIVITY))
    if Kind.PROGRESSED not in kinds:
        found.append(_progress(reported, observed, policy, kinds))
    if not reported.passed and Kind.PASSED not in kinds:
        found.append(Unreported(Kind.PASSED, _pass(observed) or UnreportedReason.COMPLETED_BEFORE))
    if not reported.completed and Kind.COMPLETED not in kinds:
        found.append(_completion(observed, policy))
    return found


def _progress(reported: Reported, observed: Observed, policy: Policy, due: set[Kind]) -> Unreported:
    percent = observed.progress(policy)
    if reported.completed or Kind.COMPLETED in due:
        why = UnreportedReason.COMPLETED_BEFORE
    elif observed.activity.last is None:
        why = UnreportedReason.NO_ACTIVITY
    elif percent is None:
        why = UnreportedReason.PROGRESS_UNKNOWN
    elif percent == 0:
        why = UnreportedReason.NO_PROGRESS
    elif percent >= 100:
        why = UnreportedReason.ALL_UNITS
    else:
        why = UnreportedReason.STEP_NOT_REACHED
    return Unreported(Kind.PROGRESSED, why, percent)


def _pass(observed: Observed) -> UnreportedReason | None:
    """Why the learner has not passed; None if passed."""
    if observed.grade is None:
        return UnreportedReason.NO_GRADE
    if observed.grade.passed_at is None:
        return UnreportedReason.NOT_PASSED
    return None if observed.grade.passing else UnreportedReason.NOT_PASSING_NOW


def _completion(observed: Observed, policy: Policy) -> Unreported:
    match policy.completed_on:
        case CompletedOn.PASSED:
            return Unreported(Kind.COMPLETED, _pass(observed) or UnreportedReason.NOT_PASSED)
        case CompletedOn.PROGRESS:
            return Unreported(Kind.COMPLETED, _units(observed, policy), observed.progress(policy))
        case CompletedOn.CERTIFICATE:
            return Unreported(Kind.COMPLETED, _certificate(observed))
        case _:
            # The one of the three that is nearest.
            for why in (_certificate(observed), _units(observed, policy)):
                if why in (UnreportedReason.CERTIFICATE_NOT_SHOWN, UnreportedReason.UNITS_LOCKED):
                    return Unreported(Kind.COMPLETED, why, observed.progress(policy))
            return Unreported(Kind.COMPLETED, UnreportedReason.NONE_OF_THREE, observed.progress(policy))


def _units(observed: Observed, policy: Policy) -> UnreportedReason:
    """Why not all units are done."""
    if observed.activity.last is None:
        return UnreportedReason.NO_ACTIVITY
    progress = observed.progress(policy)
    if progress is None:
        return UnreportedReason.PROGRESS_UNKNOWN
    return (
        UnreportedReason.UNITS_LOCKED
        if progress < 100 and observed.percent_unlocked == 100
        else UnreportedReason.UNITS_LEFT
    )


def _certificate(observed: Observed) -> UnreportedReason:
    """Why there is no certificate that the learner can show."""
    if observed.certificate is None:
        return UnreportedReason.NO_CERTIFICATE
    return (
        UnreportedReason.CERTIFICATE_NOT_SHOWN
        if observed.certificate.is_held
        else UnreportedReason.CERTIFICATE_NOT_HELD
    )
