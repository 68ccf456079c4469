"""Why a milestone is not reported, although its learner is. Pure; the mirror of ``milestones.due``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from percipio_openedx.codes import CompletedOn, Kind, Why
from percipio_openedx.data import Milestone, Policy, Told, Truth

# Of several ways to complete a course, the nearest are those where only this is missing.
NEAR = (Why.CERTIFICATE_NOT_SHOWN, Why.UNITS_LOCKED)


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A kind of milestone that is not reported, and why; ``percent`` is the progress where the reason is about it."""

    kind: Kind
    why: Why
    percent: int | None = None


def unsaid(told: Told, truth: Truth, policy: Policy, due: Sequence[Milestone]) -> list[Unsaid]:
    """Return what is neither reported nor due, in the order in which it would be reported.

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
        why = _progress(told, truth, policy, kinds)
        found.append(Unsaid(Kind.PROGRESSED, why, truth.share(policy)))
    if not told.passed and Kind.PASSED not in kinds:
        found.append(Unsaid(Kind.PASSED, _pass(truth) or Why.COMPLETED_BEFORE))
    if not told.completed and Kind.COMPLETED not in kinds:
        found.append(_completion(truth, policy))
    return found


def _progress(told: Told, truth: Truth, policy: Policy, due: set[Kind]) -> Why:
    percent = truth.share(policy)
    if told.completed or Kind.COMPLETED in due:
        return Why.COMPLETED_BEFORE
    if truth.activity.last is None:
        return Why.NO_ACTIVITY
    if percent is None:
        return Why.SHARE_UNKNOWN
    if percent == 0:
        return Why.NO_SHARE
    return Why.WHOLE_SHARE if percent >= 100 else Why.STEP_NOT_REACHED


def _pass(truth: Truth) -> Why | None:
    """Return why the learner has not passed; None if passed."""
    if truth.grade is None:
        return Why.NO_GRADE
    if truth.grade.passed_at is None:
        return Why.NOT_PASSED
    return None if truth.grade.passing else Why.NOT_PASSING_NOW


def _completion(truth: Truth, policy: Policy) -> Unsaid:
    percent = truth.share(policy)
    match policy.completed_on:
        case CompletedOn.PASSED:
            return Unsaid(Kind.COMPLETED, _pass(truth) or Why.NOT_PASSED)
        case CompletedOn.PROGRESS:
            return Unsaid(Kind.COMPLETED, _units(truth, percent), percent)
        case CompletedOn.CERTIFICATE:
            return Unsaid(Kind.COMPLETED, _certificate(truth))
    near = [why for why in (_certificate(truth), _units(truth, percent)) if why in NEAR]
    return Unsaid(Kind.COMPLETED, near[0] if near else Why.NONE_OF_THREE, percent)


def _units(truth: Truth, percent: int | None) -> Why:
    """Return why not all units are done."""
    if truth.activity.last is None:
        return Why.NO_ACTIVITY
    if percent is None:
        return Why.SHARE_UNKNOWN
    is_locked = percent < 100 and truth.percent_unlocked == 100
    return Why.UNITS_LOCKED if is_locked else Why.UNITS_LEFT


def _certificate(truth: Truth) -> Why:
    """Return why there is no certificate that the learner can show."""
    if truth.certificate is None:
        return Why.NO_CERTIFICATE
    is_held = truth.certificate.is_held
    return Why.CERTIFICATE_NOT_SHOWN if is_held else Why.CERTIFICATE_NOT_HELD
