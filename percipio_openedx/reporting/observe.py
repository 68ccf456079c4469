"""Observe some learners of one course run: lease, read the LMS, compare, build, store; in bulkheads for each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from uuid import UUID

from percipio_openedx import edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course, Milestone, Observed
from percipio_openedx.db import persistently
from percipio_openedx.enums import HoldReason, Kind
from percipio_openedx.models.destination import may_go
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.reporting import facts, failures, milestones, progress, store
from percipio_openedx.reporting.findings import LearnerFinding, ObservationCounts, Unobserved, findings_of
from percipio_openedx.reporting.progress import ASK, ProgressOptions
from percipio_openedx.statements import content
from percipio_openedx.statements.build import build, target_of
from percipio_openedx.statements.content import StatementContext

logger = logging.getLogger(__name__)

# Milestones that carry the time on task.
TIMED = (Kind.PROGRESSED, Kind.COMPLETED)
# A longer pause is not work (decided: "gaps over 30 minutes left out").
LONGEST_PAUSE = timedelta(minutes=30)


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
    """Observe these learners in this course run and store new statements for delivery.

    Expensive progress is not asked for after ``deadline`` (``time.monotonic()``), or when nothing it depends on is
    known to have changed, except ``again``. Raises if no learner could be observed, so that the problem is the course
    run or the database; then the leases are released and nothing was decided.
    """
    known = failures.Known(course_key, user_ids)
    options = ProgressOptions(deadline, again, known.progress_waits(now))
    counts = ObservationCounts()
    some = partial(_observe, configuration, course_key, course, now, options, counts)
    _, broken = apart(Boundary.LEARNER, user_ids, some)
    counts.problems |= {user_id: Unobserved(reason_of(error)) for user_id, error in broken.items()}
    well = set(user_ids) - counts.busy - counts.unfinished - counts.problems.keys()
    counts.busy |= known.settle(well, counts.problems, has_progress=counts.has_progress)
    return counts


def _observe(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    now: datetime,
    options: ProgressOptions,
    counts: ObservationCounts,
    user_ids: Sequence[int],
) -> None:
    """Observe all of them or none, except rows that cannot be written."""
    claim = facts.claim(configuration.site_id, course_key, user_ids, now)
    if not claim.rows:
        counts.busy |= claim.busy
        return
    is_settled = False
    try:
        findings = examine(configuration, course_key, course, claim.rows, now, options=options)
        decided = [finding for finding in findings if not finding.is_unfinished]
        made, unwritten = store.keep(configuration, claim.lease, decided, now)
        is_settled = len(decided) == len(findings) and not unwritten
    finally:
        if not is_settled:
            facts.release(claim.lease)
    if renamed := [finding.renamed for finding in decided if finding.renamed and finding.row.user_id not in unwritten]:
        persistently(UnknownLearner.objects.filter(pk__in=renamed).release)(now)
    counts.busy |= claim.busy
    counts.observed += len(decided) - len(unwritten)
    counts.statements += made
    counts.held += sum(1 for finding in decided if finding.hold and finding.row.user_id not in unwritten)
    counts.unfinished |= {finding.row.user_id for finding in findings if finding.is_unfinished}
    counts.problems |= {finding.row.user_id: finding.problem for finding in decided if finding.problem is not None}
    counts.problems |= {user_id: Unobserved(reason_of(error)) for user_id, error in unwritten.items()}
    counts.has_progress |= any(finding.asked for finding in findings)


def examine(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    rows: Mapping[int, LearnerCourse],
    now: datetime,
    *,
    options: ProgressOptions = ASK,
) -> list[LearnerFinding]:
    """Return what to report of the learners of ``rows`` by user id, without storing anything; raises if reads fail."""
    if not rows:
        return []
    if course is None or course.hold(configuration.catalog):
        reason = HoldReason.UNKNOWN_COURSE if course is None else course.hold(configuration.catalog)
        return [
            LearnerFinding(row=row, observed=Observed(), reported=row.reported, hold=str(reason))
            for row in rows.values()
        ]
    context = context_of(configuration, course)
    findings = findings_of(configuration, course, rows, now)
    progress.ask(course_key, [finding for finding in findings if not finding.hold], options, now)
    for finding in findings:
        if not finding.hold and not finding.is_unfinished:
            policy = finding.policy
            with bulkhead(Boundary.STATEMENT, passes_outages=True) as contained:
                finding.reported, finding.milestones = milestones.due(finding.reported, finding.observed, policy)
                planned = finding.row.observe_again_at
                again_at = milestones.observe_again_at(finding.reported, finding.observed, policy, now, planned)
                finding.again_at = min(filter(None, (again_at, finding.recheck_at)), default=None)
            if contained.error is not None:
                finding.hold_back(contained.error)
    _leave_out_others(findings)
    timed = [finding.row.user_id for finding in findings if any(one.kind in TIMED for one in finding.milestones)]
    seconds = _seconds_on_task(course_key, timed) if timed else {}
    for finding in findings:
        with bulkhead(Boundary.STATEMENT, passes_outages=True) as contained:
            _build(finding, context, seconds.get(finding.row.user_id), now)
        if contained.error is not None:
            finding.hold_back(contained.error)
    return findings


def _leave_out_others(findings: Sequence[LearnerFinding]) -> None:
    """Leave out the retraction of what another account was told: this one was not, and is not told of it now."""
    retracted: dict[UUID, tuple[LearnerFinding, Milestone]] = {}
    for finding in findings:
        for milestone in finding.milestones:
            if milestone.retracts is not None:
                retracted[target_of(finding.row.registration, milestone)] = finding, milestone
    if not retracted:
        return
    rows = Statement.objects.filter(uuid__in=list(retracted)).order_by()
    made_for = rows.values_list("uuid", "destination__site_id", "destination__account")
    places = {uuid: (site_id, account) for uuid, site_id, account in made_for}
    for uuid, (finding, milestone) in retracted.items():
        # What was pruned here went, as far as anybody can tell, where the learner was then.
        place = places.get(uuid, (finding.row.site_id, finding.row.account))
        if finding.configuration is not None and not may_go(place, finding.configuration.place):
            logger.info("not retracted statement=%s account=%s", uuid, place[1] or "-")
            finding.milestones = tuple(one for one in finding.milestones if one is not milestone)


def _build(finding: LearnerFinding, context: partial[StatementContext], seconds: int | None, now: datetime) -> None:
    if finding.identity is None:
        return
    built = []
    for milestone in finding.milestones:
        one = replace(milestone, seconds=seconds) if milestone.kind in TIMED else milestone
        who = {"identity": finding.identity, "registration": finding.row.registration, "user_id": finding.row.user_id}
        statement = build(context(milestone=one, **who), now=now)
        built.append((one, statement))
    finding.statements, finding.content_id = built, context.keywords["content_id"]


def _seconds_on_task(course_key: str, user_ids: Iterable[int]) -> dict[int, int | None]:
    """Return the time on task of those who have something to report."""
    return {user_id: worked(times) for user_id, times in edx_platform.activity_times(course_key, user_ids).items()}


def worked(times: Sequence[datetime]) -> int | None:
    """Return the whole seconds between ordered moments of activity without long pauses; None if unknown."""
    gaps = (later - earlier for earlier, later in pairwise(times))
    return int(sum((gap for gap in gaps if gap <= LONGEST_PAUSE), timedelta()).total_seconds()) or None


def context_of(configuration: Configuration, course: Course) -> partial[StatementContext]:
    """Return a factory of ``StatementContext`` with everything that the statements of a course run share."""
    root = configuration.lms_root
    content_id = content.content_id(course, configuration.content_id, root)
    return partial(
        StatementContext,
        course=course,
        platform=configuration.platform,
        lms_root=root,
        content_id=content_id,
        activity_id=content.activity_id(content_id, root),
    )
