"""One look at some learners of one course run: observe, compare, build, keep."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from percipio_openedx import config, content, identity, milestones
from percipio_openedx.codes import HoldReason, Kind
from percipio_openedx.config import Configuration
from percipio_openedx.data import BuiltStatement, Course, LearnerIdentity, Milestone, Telling, Told, Truth
from percipio_openedx.exceptions import LearnerNotNamed, PercipioError, StatementError
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.observation import truths
from percipio_openedx.observation.truths import Seen
from percipio_openedx.reporting import leases, recheck, store
from percipio_openedx.statements.build import build

logger = logging.getLogger(__name__)

# The milestones that carry the time on task.
TIMED = (Kind.PROGRESSED, Kind.COMPLETED)


@dataclass(slots=True)
class Finding:
    """What one look found for one learner: what to tell, or why nothing is told."""

    row: LearnerCourse
    truth: Truth
    told: Told
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

    @property
    def is_news(self) -> bool:
        """Whether anything of the row changes, but that somebody has looked (``asked``: the platform, for the share).

        To be read before the row is written to.
        """
        row = self.row
        same = not (self.statements or self.asked) and self.told == row.told and str(self.hold) == row.hold_reason
        return not same or self.again_at != row.observe_again_at


@dataclass(frozen=True, slots=True)
class Looked:
    """How a look went: learners looked at, statements made, learners held back.

    ``busy`` are those whom somebody else looks at, ``unfinished`` those of whom nothing could be decided in time.
    """

    looked: int = 0
    statements: int = 0
    held: int = 0
    busy: frozenset[int] = frozenset()
    unfinished: frozenset[int] = frozenset()


def look(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    user_ids: Sequence[int],
    now: datetime,
    deadline: float | None = None,
) -> Looked:
    """Look at these learners in this course run and keep what is new as statements to send.

    Arguments:
        deadline: ``time.monotonic()`` after which the platform is not asked for further learners' shares.

    After an error that nobody foresaw the leases are held until they run out: the next passes go by these learners
    and reach everybody else, instead of stumbling over the same ones each time.

    Raises:
        PlatformUnavailable: the platform could not be asked; the leases are given back and nothing was decided.
    """
    claim = leases.claim(configuration.site_id, course_key, user_ids, now)
    if not claim.rows:
        return Looked(busy=claim.busy)
    try:
        findings = examine(configuration, course_key, course, claim.rows, now, deadline)
    except PercipioError:
        leases.release(claim.lease)
        raise
    decided = [finding for finding in findings if not finding.is_unfinished]
    unfinished = frozenset(finding.row.user_id for finding in findings if finding.is_unfinished)
    made = store.keep(configuration, claim.lease, decided, now)
    if unfinished:
        leases.release(claim.lease)
    held = sum(1 for finding in decided if finding.hold)
    return Looked(looked=len(decided), statements=made, held=held, busy=claim.busy, unfinished=unfinished)


def examine(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    rows: Mapping[int, LearnerCourse],
    now: datetime,
    deadline: float | None = None,
) -> list[Finding]:
    """What is to be told of the learners of these rows, by user id: nothing is leased and nothing is kept.

    Arguments:
        deadline: as for ``look``.

    Raises:
        PlatformUnavailable: the platform could not be asked.
    """
    findings = _find(configuration, course_key, course, rows, deadline)
    for finding in findings:
        if finding.hold:
            continue
        finding.again_at = recheck.time_for(finding.row, finding.told, finding.truth, configuration.policy, now)
    _build(configuration, course, findings, now)
    return findings


def _find(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    rows: Mapping[int, LearnerCourse],
    deadline: float | None,
) -> list[Finding]:
    if not rows:
        return []
    if course is None or not course.is_reported:
        reason = HoldReason.UNKNOWN_COURSE if course is None else HoldReason.COURSE_LEFT_OUT
        return [Finding(row=row, truth=Truth(), told=row.told, hold=reason) for row in rows.values()]
    seen = truths.read(course_key, list(rows), course.is_graded, configuration)
    findings = [_finding(row, seen[user_id], configuration) for user_id, row in rows.items()]
    _ask_shares(course_key, findings, configuration, deadline)
    for finding in findings:
        if not finding.hold and not finding.is_unfinished:
            finding.told, finding.milestones = milestones.due(finding.told, finding.truth, configuration.policy)
    _add_seconds(course_key, findings)
    return findings


def _finding(row: LearnerCourse, seen: Seen, configuration: Configuration) -> Finding:
    finding = Finding(row=row, truth=seen.truth, told=row.told)
    learner = seen.learner
    if learner is None:
        finding.hold = HoldReason.UNKNOWN_LEARNER
    elif learner.is_retired:
        finding.hold = HoldReason.RETIRED
    elif not learner.is_active:
        finding.hold = HoldReason.INACTIVE
    elif seen.truth.enrollment is None:
        finding.hold = HoldReason.NOT_ENROLLED
    else:
        try:
            finding.identity = identity.identify(learner, configuration)
        except LearnerNotNamed as error:
            finding.hold = error.reason
    return finding


def _ask_shares(
    course_key: str, findings: Sequence[Finding], configuration: Configuration, deadline: float | None
) -> None:
    """Ask for the dear share only where it can change the answer, and only if the completions changed."""
    asked = []
    for finding in findings:
        row, truth = finding.row, finding.truth
        if finding.hold or not milestones.needs_percent(finding.told, truth, configuration.policy):
            continue
        if row.activity_version == truth.activity.version:
            finding.truth = replace(truth, percent=row.percent_seen, percent_unlocked=row.percent_unlocked_seen)
        else:
            asked.append(finding)
    if not asked:
        return
    user_ids = [finding.row.user_id for finding in asked]
    shares = truths.shares(course_key, user_ids, deadline)
    now_done = truths.versions(course_key, user_ids)
    for finding in asked:
        if finding.row.user_id not in shares:
            finding.is_unfinished = True
            continue
        if now_done.get(finding.row.user_id, "") != finding.truth.activity.version:
            # Something was finished meanwhile, and the share may hold it already: with the times read before, it would
            # be dated too early. Its own notice brings the next look.
            continue
        share, finding.asked = shares[finding.row.user_id], True
        percent, unlocked = (share.percent, share.percent_unlocked) if share else (None, None)
        finding.truth = replace(finding.truth, percent=percent, percent_unlocked=unlocked)
        finding.row.percent_seen, finding.row.percent_unlocked_seen = percent, unlocked
        finding.row.activity_version = finding.truth.activity.version


def _add_seconds(course_key: str, findings: Sequence[Finding]) -> None:
    timed = [finding for finding in findings if any(found.kind in TIMED for found in finding.milestones)]
    if not timed:
        return
    seconds = truths.seconds_on_task(course_key, [finding.row.user_id for finding in timed])
    for finding in timed:
        worked = seconds.get(finding.row.user_id)
        finding.milestones = tuple(
            replace(found, seconds=worked) if found.kind in TIMED else found for found in finding.milestones
        )


def _build(configuration: Configuration, course: Course | None, findings: Sequence[Finding], now: datetime) -> None:
    if course is None:
        return
    telling = _telling_of(configuration, course)
    for finding in findings:
        if not finding.milestones or finding.identity is None:
            continue
        who = partial(telling, identity=finding.identity, registration=finding.row.registration)
        try:
            finding.statements = [(found, build(who(milestone=found), now=now)) for found in finding.milestones]
        except StatementError as error:
            finding.hold, finding.told, finding.milestones = HoldReason.UNSAYABLE, finding.row.told, ()
            finding.statements = []
            logger.warning(
                "statement not built user=%s course=%s field=%s", finding.row.user_id, course.key, error.path
            )


def _telling_of(configuration: Configuration, course: Course) -> Callable[..., Telling]:
    """What all tellings of a course run have in common, filled in."""
    root = config.lms_root()
    content_id = content.content_id(course, configuration.content_id, root)
    return partial(
        Telling,
        course=course,
        platform=config.platform_name(),
        lms_root=root,
        content_id=content_id,
        activity_id=content.activity_id(content_id, root),
    )
