"""Why a milestone is not reported, although its learner is. Pure.

The mirror of ``milestones.due``: for every kind that is neither told nor due, the reason in the LMS or in the site's
policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from percipio_openedx.codes import CompletedOn, Kind, Undone, Why
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
        found.append(Unsaid(Kind.PASSED, _pass(truth, policy) or Why.COMPLETED_BEFORE))
    if not told.completed and Kind.COMPLETED not in kinds:
        found.append(_completion(truth, policy))
    return found


def _progress(told: Told, truth: Truth, policy: Policy, due: set[Kind]) -> Unsaid:
    percent = truth.percent
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


def _pass(truth: Truth, policy: Policy) -> Why | None:
    """Why the learner has not passed; None if passed."""
    if truth.grade is None:
        return Why.NO_GRADE
    if truth.grade.passed_at is None:
        return Why.NOT_PASSED
    if policy.undone is Undone.RETRACT and not truth.grade.passing:
        return Why.NOT_PASSING_NOW
    return None


def _completion(truth: Truth, policy: Policy) -> Unsaid:
    match policy.completed_on:
        case CompletedOn.PASSED:
            return Unsaid(Kind.COMPLETED, _pass(truth, policy) or Why.NOT_PASSED)
        case CompletedOn.PROGRESS:
            why = Why.NO_ACTIVITY if truth.activity.last is None else Why.UNITS_LEFT
            why = Why.SHARE_UNKNOWN if truth.activity.last is not None and truth.percent is None else why
            return Unsaid(Kind.COMPLETED, why, truth.percent)
        case CompletedOn.CERTIFICATE:
            why = Why.NO_CERTIFICATE if truth.certificate is None else Why.CERTIFICATE_NOT_HELD
            return Unsaid(Kind.COMPLETED, why)
        case _:
            return Unsaid(Kind.COMPLETED, Why.NONE_OF_THREE, truth.percent)
