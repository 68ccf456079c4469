"""A milestone as an internal tracking event: the form in which event-routing-backends takes what it transforms.

The event carries everything that the statement needs, so that no transformer asks the database or the
platform about a learner or a course. It never leaves the process.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from percipio_openedx.data import Milestone, StatementContext
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import ids, people
from percipio_openedx.statements.content import course_facts
from percipio_openedx.statements.text import plain
from percipio_openedx.statements.vocabulary import event_name

LONGEST_PLATFORM: Final = 200
# A longer time on task, a hundred years, is no time on task.
MOST_SECONDS: Final = 100 * 366 * 24 * 3600


def event_of(context: StatementContext, at: datetime) -> dict[str, Any]:
    """Return the event of a milestone.

    Arguments:
        telling: the milestone with all that is known around it.
        at: the time of the statement, see ``build.moment``.

    Raises:
        StatementError: a fact cannot be expressed; it names the field.
    """
    milestone = context.milestone
    return {
        "name": event_name(milestone.kind),
        "timestamp": at,
        "context": {
            "course_id": context.course.key,
            "org_id": context.course.org,
            "registration": context.registration,
            "platform": plain(context.platform, LONGEST_PLATFORM),
        },
        "data": {
            "statement_id": ids.statement_id(context.registration, milestone.kind, milestone.value),
            "learner": people.learner(context.identity),
            "activity_id": context.activity_id,
            "course": course_facts(context.course, context.lms_root),
            **_result(milestone),
            "retracts": retracted_id(context),
        },
    }


def retracted_id(context: StatementContext) -> UUID | None:
    """Return the id of the statement that a retraction takes back; None for every other milestone.

    Raises:
        StatementError: a retraction that names nothing, or another retraction (Data 2.3.2: those cannot be
            voided).
    """
    milestone = context.milestone
    if milestone.kind is not Kind.RETRACTED:
        return None
    if milestone.retracts in (None, Kind.RETRACTED, Kind.PROGRESSED):
        raise StatementError("object.id", "a retraction needs one earlier statement that it takes back")
    target = Milestone(kind=milestone.retracts, at=milestone.at, round=milestone.round)
    return ids.statement_id(context.registration, target.kind, target.value)


def known_seconds(seconds: int | None) -> int | None:
    """Return the time on task, or None where it is unknown or impossible (negative, above a hundred years)."""
    return seconds if seconds is not None and 0 <= seconds <= MOST_SECONDS else None


def _result(milestone: Milestone) -> dict[str, Any]:
    return {
        "progress": _progress(milestone),
        "score": _score(milestone),
        "success": milestone.success,
        "seconds": known_seconds(milestone.seconds),
    }


def _progress(milestone: Milestone) -> int | None:
    if milestone.kind is not Kind.PROGRESSED:
        return None
    if milestone.percent is None or not 0 <= milestone.percent <= 100:
        raise StatementError("result.extensions.progress", "is not a whole percentage from 0 to 100")
    return milestone.percent


def _score(milestone: Milestone) -> float | None:
    """Return the scaled score, from 0 to 1 in four places. A grade above 100 % (weights that add up to more) is 1.

    Only passed and completed have one: a score must not carry progress (Data 2.4.5.1).
    """
    if milestone.score is None or milestone.kind not in (Kind.PASSED, Kind.COMPLETED):
        return None
    if not math.isfinite(milestone.score.scaled):
        raise StatementError("result.score.scaled", "is not a number")
    return round(min(max(milestone.score.scaled, 0.0), 1.0), 4)
