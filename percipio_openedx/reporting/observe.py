"""One look at some learners of one course run: observe, compare, build, keep.

Bulkheads stand around each learner here: what breaks the reading or the writing of many is found by halves and set
aside alone, and who cannot be named, or of whom no statement can be built, is held back alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial, reduce

from percipio_openedx import config
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course, Learner, Observed, Policy, StatementContext
from percipio_openedx.enums import HoldReason, Kind
from percipio_openedx.exceptions import LearnerNotNamed
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.reporting import failures, identity, leases, milestones, observed_state, progress, recheck, store
from percipio_openedx.reporting.findings import (
    ASK,
    Asking,
    Finding,
    ObservationCounts,
    Problem,
    check_columns,
    hold_back,
)
from percipio_openedx.reporting.observed_state import ObservedLearner
from percipio_openedx.statements import content
from percipio_openedx.statements.build import build

__all__ = ["Asking", "Finding", "ObservationCounts", "context_of", "examine", "finding_of", "observe"]

# The milestones that carry the time on task.
TIMED = (Kind.PROGRESSED, Kind.COMPLETED)


def observe(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    user_ids: Sequence[int],
    now: datetime,
    deadline: float | None = None,
    *,
    again: bool = False,
) -> ObservationCounts:
    """Look at these learners in this course run and keep what is new as statements to send.

    Arguments:
        deadline: ``time.monotonic()`` after which the platform is not asked for further learners' shares.
        again: ask for them also where nothing is known to have changed.

    Raises:
        Exception: none of them could be looked at, so that it is not the learners: the course run, or the database.
            The leases are given back and nothing was decided.
    """
    known = failures.known(course_key, user_ids)
    asking = Asking(deadline, again, known.progress_waits(now))
    parts, broken = apart(
        Boundary.LEARNER, user_ids, lambda part: _observe(configuration, course_key, course, part, now, asking)
    )
    alone = ObservationCounts(problems={user_id: Problem(reason_of(error)) for user_id, error in broken.items()})
    counts = reduce(ObservationCounts.plus, parts, alone)
    well = set(user_ids) - counts.busy - counts.unfinished - set(counts.problems)
    unkept = known.settle(well, counts.problems, has_progress=counts.has_progress)
    return replace(counts, busy=counts.busy | unkept) if unkept else counts


def _observe(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    user_ids: Sequence[int],
    now: datetime,
    asking: Asking,
) -> ObservationCounts:
    """All or nothing, but for single rows that cannot be written."""
    claim = leases.claim(configuration.site_id, course_key, user_ids, now)
    if not claim.rows:
        return ObservationCounts(busy=claim.busy)
    is_settled = False
    try:
        findings = examine(configuration, course_key, course, claim.rows, now, asking=asking)
        decided = [finding for finding in findings if not finding.is_unfinished]
        made, unwritten = store.keep(configuration, claim.lease, decided, now)
        is_settled = len(decided) == len(findings) and not unwritten
    finally:
        if not is_settled:
            leases.release(claim.lease)
    problems = {finding.row.user_id: finding.problem for finding in decided if finding.problem is not None}
    problems |= {user_id: Problem(reason_of(error)) for user_id, error in unwritten.items()}
    return ObservationCounts(
        observed=len(decided) - len(unwritten),
        statements=made,
        held=sum(1 for finding in decided if finding.hold and finding.row.user_id not in unwritten),
        busy=claim.busy,
        unfinished=frozenset(finding.row.user_id for finding in findings if finding.is_unfinished),
        problems=problems,
        has_progress=any(finding.asked for finding in findings),
    )


def examine(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    rows: Mapping[int, LearnerCourse],
    now: datetime,
    *,
    asking: Asking = ASK,
) -> list[Finding]:
    """What is to be told of the learners of these rows, by user id: nothing is leased and nothing is kept.

    Raises:
        Exception: the platform could not be asked about all of them at once.
    """
    findings = _find(configuration, course_key, course, rows, now, asking)
    _build(configuration, course, findings, now)
    return findings


def _find(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    rows: Mapping[int, LearnerCourse],
    now: datetime,
    asking: Asking,
) -> list[Finding]:
    if not rows:
        return []
    if course is None or not course.is_reported:
        reason = HoldReason.UNKNOWN_COURSE if course is None else HoldReason.COURSE_LEFT_OUT
        return [Finding(row=row, observed=Observed(), reported=row.reported, hold=reason) for row in rows.values()]
    seen = observed_state.read(course_key, list(rows), course.is_graded, configuration)
    findings = [finding_of(row, seen[user_id], configuration) for user_id, row in rows.items()]
    progress.ask(course_key, findings, configuration.policy, asking)
    for finding in findings:
        if not finding.hold and not finding.is_unfinished:
            _compare(finding, configuration.policy, now)
    _add_seconds(course_key, findings)
    return findings


def finding_of(row: LearnerCourse, seen: ObservedLearner, configuration: Configuration) -> Finding:
    finding = Finding(row=row, observed=seen.observed, reported=row.reported)
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
        _name(finding, learner, configuration)
    return finding


def _name(finding: Finding, learner: Learner, configuration: Configuration) -> None:
    with bulkhead(Boundary.NAME) as contained:
        try:
            named = identity.identify(learner, configuration)
        except LearnerNotNamed as error:
            finding.hold = error.reason
            return
        # The site's own was checked where it was configured.
        if named.organization != configuration.organization and not config.is_identifier(named.organization):
            finding.hold = HoldReason.ODD_ORGANIZATION
            return
        finding.identity = named
    if contained.error is not None:
        hold_back(finding, contained.error)


def _compare(finding: Finding, policy: Policy, now: datetime) -> None:
    with bulkhead(Boundary.STATEMENT) as contained:
        finding.reported, finding.milestones = milestones.due(finding.reported, finding.observed, policy)
        finding.again_at = recheck.time_for(finding.row, finding.reported, finding.observed, policy, now)
    if contained.error is not None:
        hold_back(finding, contained.error)


def _add_seconds(course_key: str, findings: Sequence[Finding]) -> None:
    timed = [finding for finding in findings if any(found.kind in TIMED for found in finding.milestones)]
    if not timed:
        return
    seconds = observed_state.seconds_on_task(course_key, [finding.row.user_id for finding in timed])
    for finding in timed:
        worked = seconds.get(finding.row.user_id)
        finding.milestones = tuple(
            replace(found, seconds=worked) if found.kind in TIMED else found for found in finding.milestones
        )


def _build(configuration: Configuration, course: Course | None, findings: Sequence[Finding], now: datetime) -> None:
    if course is None:
        return
    context = context_of(configuration, course)
    for finding in findings:
        if not finding.milestones or finding.identity is None:
            continue
        who = partial(context, identity=finding.identity, registration=finding.row.registration)
        with bulkhead(Boundary.STATEMENT) as contained:
            built = [(found, build(who(milestone=found), now=now)) for found in finding.milestones]
            for milestone, statement in built:
                check_columns(milestone, statement)
            finding.statements = built
        if contained.error is not None:
            hold_back(finding, contained.error)


def context_of(configuration: Configuration, course: Course) -> Callable[..., StatementContext]:
    """What all tellings of a course run have in common, filled in."""
    root = config.lms_root()
    content_id = content.content_id(course, configuration.content_id, root)
    return partial(
        StatementContext,
        course=course,
        platform=config.platform_name(),
        lms_root=root,
        content_id=content_id,
        activity_id=content.activity_id(content_id, root),
    )
