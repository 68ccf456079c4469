"""What a look finds: the values that its steps hand on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from percipio_openedx.bulkheads import is_outage, reason_of
from percipio_openedx.data import BuiltStatement, LearnerIdentity, Milestone, Observed, Reported
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import StatementError
from percipio_openedx.models.learner_course import LearnerCourse, Part
from percipio_openedx.models.statement import Statement

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What of a learner could not be observed, and why; ``is_courses`` if that was so for others in the course, too."""

    reason: str
    part: Part = Part.OBSERVATION
    is_courses: bool = False


@dataclass(slots=True)
class Finding:
    """What one look found for one learner: what to tell, or why nothing is told.

    ``problem`` is what could not be found out, built or kept, although another look may well be able to.
    """

    row: LearnerCourse
    observed: Observed
    reported: Reported
    identity: LearnerIdentity | None = None
    milestones: tuple[Milestone, ...] = ()
    statements: list[tuple[Milestone, BuiltStatement]] = field(default_factory=list)
    first_sequence: int = 0
    hold: str = ""
    asked: bool = False
    # When to look again although nobody may do anything (``LearnerCourse.observe_again_at``).
    again_at: datetime | None = None
    # The time was up before the platform could be asked for the share. Then nothing is decided: of several ways to
    # complete a course, the one that was not asked for may be the earliest.
    is_unfinished: bool = False
    problem: Problem | None = None

    @property
    def is_news(self) -> bool:
        """Whether anything of the row changes, but that somebody has looked (``asked``: the platform, for the share).

        To be read before the row is written to.
        """
        row = self.row
        same = (
            not (self.statements or self.asked) and self.reported == row.reported and str(self.hold) == row.hold_reason
        )
        return not same or self.again_at != row.observe_again_at


@dataclass(frozen=True, slots=True)
class ObservationCounts:
    """How a look went: learners looked at, statements made, learners held back.

    ``busy`` are those whom somebody else looks at, ``unfinished`` those of whom nothing could be decided in time, and
    ``problems`` says what is missing of others: that is kept as ``ObservationFailure``. ``has_progress`` says that the
    platform was asked for somebody's progress and answered.
    """

    observed: int = 0
    statements: int = 0
    held: int = 0
    busy: frozenset[int] = frozenset()
    unfinished: frozenset[int] = frozenset()
    problems: Mapping[int, Problem] = field(default_factory=dict)
    has_progress: bool = False

    def plus(self, other: ObservationCounts) -> ObservationCounts:
        """Both together."""
        return ObservationCounts(
            observed=self.observed + other.observed,
            statements=self.statements + other.statements,
            held=self.held + other.held,
            busy=self.busy | other.busy,
            unfinished=self.unfinished | other.unfinished,
            problems={**self.problems, **other.problems},
            has_progress=self.has_progress or other.has_progress,
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """How the platform may be asked for learners' progress, which is dear.

    Arguments:
        deadline: ``time.monotonic()`` after which it is asked for nobody but the first; None for no limit.
        again: also where nothing is known to have changed since it was asked last.
        is_broken: it could say nobody's lately, and is not asked.
    """

    deadline: float | None = None
    again: bool = False
    is_broken: bool = False


ASK = Asking()


def check_columns(milestone: Milestone, built: BuiltStatement) -> None:
    """Refuse a statement that its row cannot hold; the site's filter steps may have made it so.

    Asked here and alike for every database: SQLite takes any length, the others none that is too long.

    Raises:
        StatementError: it names the column, never the value.
    """
    texts = {
        "kind": milestone.kind.value,
        "value": milestone.value,
        "verb": built.verb,
        "actor_key": built.actor_key,
    }
    for column, text in texts.items():
        if len(text) > _longest(column):
            raise StatementError(column, f"is longer than {_longest(column)} characters")


@cache
def _longest(column: str) -> int:
    field_of_row: Any = Statement._meta.get_field(column)
    return int(field_of_row.max_length)


def hold_back(finding: Finding, error: Exception) -> None:
    """Tell nothing of this learner now, and try again later: no notice says that a filter step was mended, say.

    Raises:
        Exception: the error itself, where it is about the database as a whole.
    """
    if is_outage(error):
        raise error
    finding.hold, finding.reported, finding.milestones = HoldReason.UNSAYABLE, finding.row.reported, ()
    finding.statements, finding.problem = [], Problem(reason_of(error))
    field_at_fault = error.path if isinstance(error, StatementError) else "-"
    logger.warning(
        "statement not built user=%s course=%s field=%s error=%s",
        finding.row.user_id,
        finding.row.course_key,
        field_at_fault,
        type(error).__name__,
    )
