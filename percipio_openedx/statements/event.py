"""A milestone as an internal tracking event: the form in which event-routing-backends takes what it transforms.

The event carries everything that the statement needs, so that no transformer asks the database or the
platform about a learner or a course. It never leaves the process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from percipio_openedx.codes import Kind
from percipio_openedx.data import Course, Milestone, Telling
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import ids, language, people, timing
from percipio_openedx.statements.content import course_url
from percipio_openedx.statements.iri import is_irl
from percipio_openedx.statements.markup import text_of
from percipio_openedx.statements.text import plain
from percipio_openedx.statements.vocabulary import event_name

LONGEST_NAME: Final = 255
LONGEST_DESCRIPTION: Final = 2000
LONGEST_PLATFORM: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class CourseFacts:
    """A course run as statements tell it: clean, bounded, in its language. One object for all of its learners."""

    url: str
    name: str
    description: str
    language: str | None
    instructors: tuple[dict[str, Any], ...]


def event_of(telling: Telling, at: datetime) -> dict[str, Any]:
    """The event of a milestone.

    Arguments:
        telling: the milestone with all that is known around it.
        at: the time of the statement, see ``timing.moment``.

    Raises:
        StatementError: a fact cannot be expressed; it names the field.
    """
    milestone = telling.milestone
    course = course_facts(telling.course, telling.lms_root)
    return {
        "name": event_name(milestone.kind),
        "timestamp": at,
        "context": {
            "course_id": telling.course.key,
            "org_id": telling.course.org,
            "registration": telling.registration,
            "platform": plain(telling.platform, LONGEST_PLATFORM),
        },
        "data": {
            "statement_id": ids.statement_id(telling.registration, milestone.kind, milestone.value),
            "learner": people.learner(telling.identity),
            "activity_id": telling.activity_id,
            "course": course,
            **_result(milestone),
            "retracts": retracted_id(telling),
        },
    }


@lru_cache(maxsize=512)
def course_facts(course: Course, lms_root: str) -> CourseFacts:
    """What statements say of a course run. Kept per value, not per course, so that a renamed course is never stale."""
    url = course_url(course.key, lms_root)
    return CourseFacts(
        url=url if is_irl(url) else "",
        name=plain(course.name, LONGEST_NAME),
        description=plain(text_of(course.description), LONGEST_DESCRIPTION),
        language=language.tag(course.language),
        instructors=tuple(people.instructors(course.instructors, lms_root)),
    )


def retracted_id(telling: Telling) -> UUID | None:
    """The id of the statement that a retraction takes back; None for every other milestone.

    Raises:
        StatementError: a retraction that names nothing, or another retraction (Data 2.3.2: those cannot be
            voided).
    """
    milestone = telling.milestone
    if milestone.kind is not Kind.RETRACTED:
        return None
    if milestone.retracts in (None, Kind.RETRACTED, Kind.PROGRESSED):
        raise StatementError("object.id", "a retraction needs one earlier statement that it takes back")
    target = Milestone(kind=milestone.retracts, at=milestone.at, round=milestone.round)
    return ids.statement_id(telling.registration, target.kind, target.value)


def _result(milestone: Milestone) -> dict[str, Any]:
    return {
        "progress": _progress(milestone),
        "score": _score(milestone),
        "success": milestone.success,
        "seconds": timing.known_seconds(milestone.seconds),
    }


def _progress(milestone: Milestone) -> int | None:
    if milestone.kind is not Kind.PROGRESSED:
        return None
    if milestone.percent is None or not 0 <= milestone.percent <= 100:
        raise StatementError("result.extensions.progress", "is not a whole percentage from 0 to 100")
    return milestone.percent


def _score(milestone: Milestone) -> float | None:
    """The scaled score, from 0 to 1 in four places. A grade above 100 % (weights that add up to more) is told as 1.

    Only passed and completed have one: a score must not carry progress (Data 2.4.5.1).
    """
    if milestone.score is None or milestone.kind not in (Kind.PASSED, Kind.COMPLETED):
        return None
    if not math.isfinite(milestone.score.scaled):
        raise StatementError("result.score.scaled", "is not a number")
    return round(min(max(milestone.score.scaled, 0.0), 1.0), 4)
