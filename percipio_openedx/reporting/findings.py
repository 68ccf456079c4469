"""What one observation finds: for the learners of a course run together, and for each of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from percipio_openedx import config
from percipio_openedx.bulkheads import Boundary, bulkhead, is_outage, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import BuiltStatement, LearnerIdentity, Milestone, Observed, Reported
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import LearnerNotNamed, StatementError
from percipio_openedx.models.learner_course import LearnerCourse, Part
from percipio_openedx.models.statement import Statement
from percipio_openedx.reporting import identity
from percipio_openedx.reporting.observed_state import ObservedLearner
from percipio_openedx.reporting.unknown_learners import RefusedNames

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unobserved:
    """What could not be observed of a learner, and why; ``is_courses`` if it failed for others in the course, too."""

    reason: str
    part: Part = Part.OBSERVATION
    is_courses: bool = False


@dataclass(slots=True)
class ObservationCounts:
    """The result of an observation.

    ``busy`` are learners leased by another worker, ``unfinished`` those the deadline left undecided. ``problems`` says
    what is missing of others (stored as ``ObservationFailure``). ``has_progress``: the platform computed any progress.
    """

    observed: int = 0
    statements: int = 0
    held: int = 0
    busy: set[int] = field(default_factory=set)
    unfinished: set[int] = field(default_factory=set)
    problems: dict[int, Unobserved] = field(default_factory=dict)
    has_progress: bool = False


@dataclass(slots=True)
class LearnerFinding:
    """What to report of one learner in the course run, or why nothing is.

    Arguments:
        row: what was reported before; new progress is written to it at once (unsaved).
        reported: what has been reported once the milestones are.
        hold: why the learner is held back, or ``''``.
        asked: the platform was asked for the progress, and answered.
        again_at: when to observe again without a notice (``LearnerCourse.observe_again_at``).
        is_unfinished: the deadline passed before the progress was read; it might be the earliest way to complete, so
            wait.
        problem: what could not be observed, built or stored, although a retry may succeed.
        is_news: whether anything in the row changes apart from the time of observation.
        renamed: the row (``UnknownLearner``) of another name, by which Percipio did not know the learner; None if none.
    """

    row: LearnerCourse
    observed: Observed
    reported: Reported
    identity: LearnerIdentity | None = None
    milestones: tuple[Milestone, ...] = ()
    statements: list[tuple[Milestone, BuiltStatement]] = field(default_factory=list)
    hold: str = ""
    asked: bool = False
    again_at: datetime | None = None
    is_unfinished: bool = False
    problem: Unobserved | None = None
    first_sequence: int = 0
    is_news: bool = False
    renamed: int | None = None

    def hold_back(self, error: Exception) -> None:
        """Report nothing of this learner now and retry later; raise the error if it is about the whole database."""
        if is_outage(error):
            raise error
        self.hold, self.reported, self.milestones = HoldReason.UNSAYABLE, self.row.reported, ()
        self.statements, self.problem = [], Unobserved(reason_of(error))
        logger.warning(
            "statement not built user=%s course=%s field=%s error=%s",
            self.row.user_id,
            self.row.course_key,
            error.path if isinstance(error, StatementError) else "-",
            type(error).__name__,
        )

    def update_row(self) -> None:
        """Write what is reported from now on to the row, which the caller saves if ``is_news``."""
        row = self.row
        is_same = self.reported == row.reported and (str(self.hold), self.again_at) == (
            row.hold_reason,
            row.observe_again_at,
        )
        self.is_news = bool(self.statements) or self.asked or not is_same
        if self.is_news:
            row.remember(self.reported)
            row.hold_reason, row.observe_again_at = str(self.hold), self.again_at
            self.first_sequence = row.sequence + 1
            row.sequence += len(self.statements)


def finding_of(
    row: LearnerCourse, seen: ObservedLearner, configuration: Configuration, refused: RefusedNames
) -> LearnerFinding:
    """Return a finding with the learner's identity in Percipio, or why the learner is held back.

    ``refused`` are the names that Percipio does not know (``unknown_learners.refused_names``).
    """
    finding = LearnerFinding(row=row, observed=seen.observed, reported=row.reported)
    learner = seen.learner
    if learner is None:
        finding.hold = HoldReason.UNKNOWN_LEARNER
    elif learner.is_retired:
        finding.hold = HoldReason.RETIRED
    elif not learner.is_active:
        finding.hold = HoldReason.INACTIVE
    elif seen.observed.enrollment is None:
        finding.hold = HoldReason.NOT_ENROLLED
    else:
        with bulkhead(Boundary.NAME) as contained:
            try:
                named = identity.identify(learner, configuration)
            except LearnerNotNamed as error:
                finding.hold = error.reason
                return finding
            before = refused.get((row.user_id, named.organization))
            # The site's own organization was checked with the configuration.
            if named.organization != configuration.organization and not config.is_identifier(named.organization):
                finding.hold = HoldReason.ODD_ORGANIZATION
            elif before is not None and before.is_of(named):
                finding.hold = HoldReason.UNKNOWN_TO_PERCIPIO
            else:
                finding.identity, finding.renamed = named, before.pk if before is not None else None
        if contained.error is not None:
            finding.hold_back(contained.error)
    return finding


def check_columns(milestone: Milestone, built: BuiltStatement) -> None:
    """Raise ``StatementError`` with the column if a row cannot hold the statement (SQLite would take any length)."""
    kind, value = milestone.kind.value, milestone.value
    for column, text in (("kind", kind), ("value", value), ("verb", built.verb), ("actor_key", built.actor_key)):
        if len(text) > _longest(column):
            raise StatementError(column, f"is longer than {_longest(column)} characters")


def _longest(column: str) -> int:
    field_of_row: Any = Statement._meta.get_field(column)
    return int(field_of_row.max_length)
