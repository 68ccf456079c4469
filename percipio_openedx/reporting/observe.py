"""Observe some learners of one course run: lease, read the LMS, compare, build, store.

Holds the bulkheads around each learner: a failure that breaks a bulk read or write is isolated by bisection, and a
learner who cannot be named, or whose statement cannot be built, is held back alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from percipio_openedx import edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, Course, Milestone, Observed, StatementContext
from percipio_openedx.db import persistently
from percipio_openedx.edx_platform import CourseState
from percipio_openedx.enums import HoldReason, Kind, ProgressSource
from percipio_openedx.models.destination import may_go
from percipio_openedx.models.learner_course import LearnerCourse, Part
from percipio_openedx.models.statement import Statement
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.reporting import aggregated, failures, leases, milestones, observed_state, retakes, store
from percipio_openedx.reporting.findings import LearnerFinding, ObservationCounts, Unobserved, check_columns, finding_of
from percipio_openedx.reporting.unknown_learners import refused_names
from percipio_openedx.statements import content
from percipio_openedx.statements.build import build, target_of

logger = logging.getLogger(__name__)

# Milestones that carry the time on task.
TIMED = (Kind.PROGRESSED, Kind.COMPLETED)
# Recorded for learners not asked for because the platform failed for others in the course.
NOT_ASKED = "the platform failed for others in this course"


@dataclass(frozen=True, slots=True)
class ProgressOptions:
    """Whether and how to ask the platform for the expensive progress.

    Arguments:
        deadline: ``time.monotonic()`` after which only the first learner is asked for; None for no limit.
        again: ask even if nothing is known to have changed since last time.
        is_broken: the platform failed recently for the whole course run; do not ask.
    """

    deadline: float | None = None
    again: bool = False
    is_broken: bool = False


ASK = ProgressOptions()


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
    known = failures.known(course_key, user_ids)
    options = ProgressOptions(deadline, again, known.progress_waits(now))
    counts = ObservationCounts()

    def observe_some(part: Sequence[int]) -> None:
        _observe(configuration, course_key, course, part, now, options, counts)

    _, broken = apart(Boundary.LEARNER, user_ids, observe_some)
    counts.problems |= {user_id: Unobserved(reason_of(error)) for user_id, error in broken.items()}
    well = set(user_ids) - counts.busy - counts.unfinished - counts.problems.keys()
    counts.busy |= known.settle(well, counts.problems, has_progress=counts.has_progress)
    return counts


def _observe(
    configuration: Configuration,
    course_key: str,
    course: Course | None,
    user_ids: Sequence[int],
    now: datetime,
    options: ProgressOptions,
    counts: ObservationCounts,
) -> None:
    """Observe all of them or none, except rows that cannot be written."""
    claim = leases.claim(configuration.site_id, course_key, user_ids, now)
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
            leases.release(claim.lease)
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
    seen = observed_state.read(course_key, list(rows), course.is_graded, configuration, course.ends_at, now)
    refused = refused_names(configuration, rows.keys())
    findings = [finding_of(row, seen[user_id], configuration, refused) for user_id, row in rows.items()]
    _look_elsewhere(configuration, course_key, context.keywords["content_id"], findings)
    _ask_progress(course_key, [finding for finding in findings if not finding.hold], options, now)
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
    seconds = observed_state.seconds_on_task(course_key, timed) if timed else {}
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


def _look_elsewhere(
    configuration: Configuration, course_key: str, content_id: str, findings: Sequence[LearnerFinding]
) -> None:
    """Add to the reported state of each learner what was reported of the same content in other course runs."""
    named = {one.row.user_id: one.account or "" for one in findings if not one.hold}
    elsewhere = retakes.completed_elsewhere(configuration, course_key, content_id, named) if named else {}
    for finding in findings:
        finding.content_id = content_id
        if finding.row.user_id in elsewhere:
            finding.reported = replace(finding.reported, elsewhere=elsewhere[finding.row.user_id])


def _ask_progress(course_key: str, findings: Sequence[LearnerFinding], options: ProgressOptions, now: datetime) -> None:
    """Read the progress where it matters and may have changed; if that fails, the rest is still reported."""
    wanted = [one for one in findings if milestones.needs_percent(one.reported, one.observed, one.policy)]
    if not wanted:
        return
    # The site's choice, the same for all of its accounts.
    if wanted[0].policy.progress_from is ProgressSource.AGGREGATOR:
        aggregated.take(course_key, wanted, now)
        return
    # Read first: if something changes meanwhile, the answer is stored under the earlier version.
    state = _state_worth_reading(course_key, wanted)
    asked: dict[int, tuple[LearnerFinding, str]] = {}
    for finding in wanted:
        row = finding.row
        text = None if state is None else state.texts.get(row.user_id, "")
        version = observed_state.progress_version(finding.observed, text)
        if text and row.activity_version == version and not options.again:
            percent, unlocked = row.percent_seen, row.percent_unlocked_seen
            finding.observed = replace(finding.observed, percent=percent, percent_unlocked=unlocked)
        elif options.is_broken:
            finding.problem = Unobserved(NOT_ASKED, Part.PROGRESS)
        else:
            asked[row.user_id] = finding, version
    if not asked:
        return
    answers = observed_state.answers(course_key, list(asked), options.deadline, state)
    done_by_now = edx_platform.activities(course_key, asked)
    for user_id, (finding, version) in asked.items():
        if user_id in answers.failed:
            finding.problem = Unobserved(answers.failed[user_id], Part.PROGRESS, is_courses=answers.is_broken)
            continue
        if user_id not in answers.found:
            finding.is_unfinished = True
            continue
        progress = answers.found[user_id]
        # If something was finished meanwhile, the progress may include it and would be dated too early with the times
        # read before. Its own notice brings the next observation.
        if progress is None or done_by_now.get(user_id, Activity()).version != finding.observed.activity.version:
            continue
        percent, unlocked = progress.percent, progress.percent_unlocked
        finding.observed = replace(finding.observed, percent=percent, percent_unlocked=unlocked)
        # Store both percents (the site's policy chooses one) under one version, or neither: what is unknown is asked
        # for again.
        if percent is not None and unlocked is not None:
            finding.asked, row = True, finding.row
            row.percent_seen, row.percent_unlocked_seen, row.activity_version = percent, unlocked, version


def _state_worth_reading(course_key: str, wanted: Sequence[LearnerFinding]) -> CourseState | None:
    """Return what progress depends on; None where it costs more than it may save.

    That is for a few learners who all did something since they were last asked for: the platform is asked anyway. Who
    is observed once more without having done anything is remembered from then on.
    """
    again = any(observed_state.is_same_activity(one.row.activity_version, one.observed.activity) for one in wanted)
    if not again and not edx_platform.is_counted(course_key, len(wanted)):
        return None
    return observed_state.course_state(course_key, [one.row.user_id for one in wanted])


def _build(
    finding: LearnerFinding, context: Callable[..., StatementContext], seconds: int | None, now: datetime
) -> None:
    if finding.identity is None:
        return
    built = []
    for milestone in finding.milestones:
        one = replace(milestone, seconds=seconds) if milestone.kind in TIMED else milestone
        who = {"identity": finding.identity, "registration": finding.row.registration, "user_id": finding.row.user_id}
        statement = build(context(milestone=one, **who), now=now)
        check_columns(one, statement)
        built.append((one, statement))
    finding.statements = built


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
