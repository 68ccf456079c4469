"""Why a milestone is not reported, although its learner is. Pure.

The mirror of ``milestones.due``: for every kind that is neither told nor due, the reason in the LMS or in the site's
policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from percipio_openedx.codes import CompletedOn, Kind, Why
from percipio_openedx.data import Milestone, Policy, Told, Truth


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A kind of milestone that is not reported, and why; ``percent`` is the share where the reason is about it."""

    kind: Kind
    why: Why
    percent: int | None = None


def unsaid(told: Told, truth: Truth, policy: Policy, due: Sequence[Milestone]) -> list[Unsaid]:
    """What is missing, in the order in which it would be reported.

    Arguments:
        told: what was reported before.
        truth: what the LMS says now.
        policy: the site's choices.
        due: what is to be reported now.
    """
    kinds = {milestone.kind for milestone in due}
    found = []
    if not told.started and Kind.STARTED not in kinds:
        found.append(Unsaid(Kind.STARTED, Why.NO_ACTIVITY))
    if Kind.PROGRESSED not in kinds:
        found.append(_progress(told, truth, policy, kinds))
    if not told.passed and Kind.PASSED not in kinds:
        found.append(Unsaid(Kind.PASSED, _pass(truth) or Why.COMPLETED_BEFORE))
    if not told.completed and Kind.COMPLETED not in kinds:
        found.append(_completion(truth, policy))
    return found


def _progress(told: Told, truth: Truth, policy: Policy, due: set[Kind]) -> Unsaid:
    percent = truth.share(policy)
    if told.completed or Kind.COMPLETED in due:
        why = Why.COMPLETED_BEFORE
    elif truth.activity.last is None:
        why = Why.NO_ACTIVITY
    elif percent is None:
        why = Why.SHARE_UNKNOWN
    elif percent == 0:
        why = Why.NO_SHARE
    elif percent >= 100:
        why = Why.WHOLE_SHARE
    else:
        why = Why.STEP_NOT_REACHED
    return Unsaid(Kind.PROGRESSED, why, percent)


def _pass(truth: Truth) -> Why | None:
    """Why the learner has not passed; None if passed."""
    if truth.grade is None:
        return Why.NO_GRADE
    if truth.grade.passed_at is None:
        return Why.NOT_PASSED
    return None if truth.grade.passing else Why.NOT_PASSING_NOW


def _completion(truth: Truth, policy: Policy) -> Unsaid:
    match policy.completed_on:
        case CompletedOn.PASSED:
            return Unsaid(Kind.COMPLETED, _pass(truth) or Why.NOT_PASSED)
        case CompletedOn.PROGRESS:
            return Unsaid(Kind.COMPLETED, _units(truth, policy), truth.share(policy))
        case CompletedOn.CERTIFICATE:
            return Unsaid(Kind.COMPLETED, _certificate(truth))
        case _:
            # The one of the three that is nearest.
            for why in (_certificate(truth), _units(truth, policy)):
                if why in (Why.CERTIFICATE_NOT_SHOWN, Why.UNITS_LOCKED):
                    return Unsaid(Kind.COMPLETED, why, truth.share(policy))
            return Unsaid(Kind.COMPLETED, Why.NONE_OF_THREE, truth.share(policy))


def _units(truth: Truth, policy: Policy) -> Why:
    """Why not all units are done."""
    if truth.activity.last is None:
        return Why.NO_ACTIVITY
    share = truth.share(policy)
    if share is None:
        return Why.SHARE_UNKNOWN
    return Why.UNITS_LOCKED if share < 100 and truth.percent_unlocked == 100 else Why.UNITS_LEFT


def _certificate(truth: Truth) -> Why:
    """Why there is no certificate that the learner can show."""
    if truth.certificate is None:
        return Why.NO_CERTIFICATE
    return Why.CERTIFICATE_NOT_SHOWN if truth.certificate.is_held else Why.CERTIFICATE_NOT_HELD
