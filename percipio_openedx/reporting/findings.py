"""What one observation finds: for the learners of a course run together, and for each of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from percipio_openedx import config
from percipio_openedx.bulkheads import Boundary, bulkhead, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course, Learner, LearnerIdentity, Milestone, Observed, Policy, Reported
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import LearnerNotNamed, PercipioConfigurationError, StatementError, StatementStopped
from percipio_openedx.models.learner_course import LONGEST_CONTENT_ID, LearnerCourse, Part
from percipio_openedx.reporting import facts, identity
from percipio_openedx.reporting.facts import RefusedNames, completed_elsewhere, refused_names
from percipio_openedx.statements.content import BuiltStatement

logger = logging.getLogger(__name__)

# Learners whom the site does not mean, or of whom that cannot be told: nothing of theirs may leave. (What was made for
# an account that is switched off waits by itself.)
OUT_OF_SCOPE = (
    *(HoldReason.NOT_SELECTED, HoldReason.MODE_LEFT_OUT, HoldReason.NO_ACCOUNT),
    *(HoldReason.UNREADABLE_SSO, HoldReason.AMBIGUOUS_SSO),
)


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
        configuration: that of the learner's account, or the site's where it has no accounts; None if there is none.
        account: the name of the learner's account, usable or not; None if it could not be told.
        reported: what has been reported once the milestones are.
        hold: why the learner is held back, or ``''``.
        asked: the platform was asked for the progress, and answered.
        again_at: when to observe again without a notice (``LearnerCourse.observe_again_at``).
        recheck_at: when at the latest, since the progress was counted before the last completion.
        is_unfinished: the deadline passed before the progress was read; it might be the earliest way to complete, so
            wait.
        problem: what could not be observed, built or stored, although a retry may succeed.
        content_id: the course's id in Percipio's catalog, for the row if something is reported.
        is_news: whether anything in the row changes apart from the time of observation.
        has_left: whether the learner belongs to another account than at the last observation, or to nobody whom the
            site means (``OUT_OF_SCOPE``) since then: what waits must not leave.
        renamed: the row (``UnknownLearner``) of another name, by which Percipio did not know the learner; None if none.
    """

    row: LearnerCourse
    observed: Observed
    reported: Reported
    configuration: Configuration | None = None
    account: str | None = None
    identity: LearnerIdentity | None = None
    milestones: tuple[Milestone, ...] = ()
    statements: list[tuple[Milestone, BuiltStatement]] = field(default_factory=list)
    hold: str = ""
    asked: bool = False
    again_at: datetime | None = None
    recheck_at: datetime | None = None
    is_unfinished: bool = False
    problem: Unobserved | None = None
    content_id: str = ""
    is_news: bool = False
    has_left: bool = False
    renamed: int | None = None

    @property
    def policy(self) -> Policy:
        return self.configuration.policy if self.configuration is not None else Policy()

    def hold_back(self, error: Exception) -> None:
        """Report nothing of this learner now, and retry later."""
        self.hold, self.reported, self.milestones = HoldReason.UNSAYABLE, self.row.reported, ()
        self.statements, self.problem = [], Unobserved(reason_of(error))
        who = self.row.user_id, self.row.course_key
        if isinstance(error, StatementStopped):
            # As the site wants it: nothing went wrong.
            self.hold, self.problem = HoldReason.STOPPED, None
            logger.info("statement stopped user=%s course=%s reason=%s", *who, error.reason or "-")
        elif not isinstance(error, PercipioConfigurationError):
            # An account's mistake is a problem of its own (``operations.problems``), not one of each learner.
            path = error.path if isinstance(error, StatementError) else "-"
            logger.warning("statement not built user=%s course=%s field=%s error=%s", *who, path, type(error).__name__)

    def update_row(self) -> None:
        """Write what is reported from now on to the row, which the caller saves if ``is_news``."""
        row = self.row
        before = row.reported, row.hold_reason, row.observe_again_at
        is_same = (self.reported, str(self.hold), self.again_at) == before
        has_moved = self.account is not None and self.account != row.account
        self.has_left = has_moved or (self.hold in OUT_OF_SCOPE and self.hold != row.hold_reason)
        self.is_news = bool(self.statements) or self.asked or has_moved or not is_same
        if self.is_news:
            row.account = row.account if self.account is None else self.account
            row.remember(self.reported)
            row.hold_reason, row.observe_again_at = str(self.hold), self.again_at
            row.sequence += len(self.statements)
            if self.statements:
                row.content_id = self.content_id[:LONGEST_CONTENT_ID]


def finding_of(
    row: LearnerCourse,
    learner: Learner | None,
    observed: Observed,
    configuration: Configuration,
    refused: RefusedNames,
) -> LearnerFinding:
    """Return a finding with the learner's account and identity in Percipio, or why the learner is held back.

    ``refused`` are the names that Percipio does not know (``facts.refused_names``).
    """
    finding = LearnerFinding(row=row, observed=observed, reported=row.reported)
    if learner is None:
        finding.hold = HoldReason.UNKNOWN_LEARNER
    elif learner.is_retired:
        finding.hold = HoldReason.RETIRED
    elif not learner.is_active:
        finding.hold = HoldReason.INACTIVE
    elif observed.enrollment is None:
        finding.hold = HoldReason.NOT_ENROLLED
    elif configuration.modes and observed.enrollment.mode not in configuration.modes:
        finding.hold = HoldReason.MODE_LEFT_OUT
    else:
        with bulkhead(Boundary.NAME, passes_outages=True) as contained:
            try:
                _name(finding, learner, configuration, refused)
            except LearnerNotNamed as error:
                finding.hold = error.reason
        if contained.error is not None:
            finding.hold_back(contained.error)
    return finding


def findings_of(
    configuration: Configuration,
    course: Course,
    rows: Mapping[int, LearnerCourse],
    now: datetime,
    *,
    makes_ids: bool = True,
) -> list[LearnerFinding]:
    """Return a finding for each learner of ``rows``, by user id, without the progress and what follows from it.

    Raises ``PlatformUnavailable``. ``makes_ids`` as in ``facts.read_learners``.
    """
    seen = facts.read(course, list(rows), configuration, now, makes_ids=makes_ids)
    refused = refused_names(configuration, rows.keys())
    findings = [finding_of(row, *seen[user_id], configuration, refused) for user_id, row in rows.items()]
    accounts = {one.row.user_id: one.account or "" for one in findings if not one.hold}
    elsewhere = completed_elsewhere(configuration, course, accounts)
    for finding in findings:
        if at := elsewhere.get(finding.row.user_id):
            finding.reported = replace(finding.reported, elsewhere=at)
    return findings


def _name(finding: LearnerFinding, learner: Learner, configuration: Configuration, refused: RefusedNames) -> None:
    """Find the learner's account and name in it; raise as ``identity.account_of``."""
    chosen = configuration
    if configuration.accounts:
        account = identity.account_for(learner, configuration)
        # Known even if nothing can be sent there: nothing is sent to a former account either.
        finding.account = account.name if account is not None else ""
        chosen = identity.usable(account)
    else:
        finding.account = ""
    finding.configuration = chosen
    named = identity.identify(learner, chosen)
    before = refused.get((learner.user_id, chosen.account, named.organization))
    # The account's own organization was checked with the configuration.
    if named.organization != chosen.organization and not config.is_identifier(named.organization):
        finding.hold = HoldReason.ODD_ORGANIZATION
    elif before is not None and before.is_of(named):
        finding.hold = HoldReason.UNKNOWN_TO_PERCIPIO
    else:
        finding.identity, finding.renamed = named, before.pk if before is not None else None
