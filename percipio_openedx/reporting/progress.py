"""Ask for the progress of those for whom it matters and may have changed, of the platform or of the aggregator.

A site that has it from the completion aggregator (``PERCIPIO_PROGRESS_FROM``) has it read anew at each observation, by
one query for all learners, and never reused. The aggregator usually counts later than learners act (its own command,
each hour, say), and no signal tells of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from percipio_openedx import edx_platform
from percipio_openedx.bulkheads import Boundary, bulkhead, is_outage
from percipio_openedx.data import Activity, Observed, Progress
from percipio_openedx.edx_platform import Aggregated, CourseState
from percipio_openedx.enums import ProgressSource
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.learner_course import Part
from percipio_openedx.reporting import course_progress, milestones
from percipio_openedx.reporting.findings import LearnerFinding, Unobserved

# Recorded for learners not asked for because the platform failed for others in the course.
NOT_ASKED = "the platform failed for others in this course"
# Whose last completion the aggregator has not counted yet is observed again, for a day; then by the sweep.
AGAIN_AFTER = timedelta(hours=1)
AGAIN_FOR = timedelta(days=1)


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


def ask(course_key: str, findings: Sequence[LearnerFinding], options: ProgressOptions, now: datetime) -> None:
    """Read the progress where it matters and may have changed; if that fails, the rest is still reported."""
    wanted = [one for one in findings if milestones.needs_percent(one.reported, one.observed, one.policy)]
    if not wanted:
        return
    # The site's choice, the same for all of its accounts.
    if wanted[0].policy.progress_from is ProgressSource.AGGREGATOR:
        _take_aggregated(course_key, wanted, now)
        return
    # Read first: if something changes meanwhile, the answer is stored under the earlier version.
    state = _state_worth_reading(course_key, wanted)
    asked: dict[int, tuple[LearnerFinding, str]] = {}
    for finding in wanted:
        row = finding.row
        text = None if state is None else state.texts.get(row.user_id, "")
        version = progress_version(finding.observed, text)
        if text and row.activity_version == version and not options.again:
            percent, unlocked = row.percent_seen, row.percent_unlocked_seen
            finding.observed = replace(finding.observed, percent=percent, percent_unlocked=unlocked)
        elif options.is_broken:
            finding.problem = Unobserved(NOT_ASKED, Part.PROGRESS)
        else:
            asked[row.user_id] = finding, version
    if not asked:
        return
    answers = course_progress.answers(course_key, list(asked), options.deadline, state)
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
        finding.observed = with_progress(finding.observed, progress)
        percent, unlocked = progress.percent, progress.percent_unlocked
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
    asked_before = [one for one in wanted if one.row.activity_version]
    again = any(one.row.activity_version.rpartition("/")[0] == one.observed.activity.version for one in asked_before)
    if not again and not edx_platform.is_counted(course_key, len(wanted)):
        return None
    return course_state(course_key, [one.row.user_id for one in wanted])


def progress_version(observed: Observed, state: str | None) -> str:
    """Return a cheap hash of all that progress depends on; ``''``, never reused, if a part is unknown.

    Arguments:
        state: of the learner (``CourseState.texts``); None if it was not read. Then the version says what was done,
            and equals no version of a state.
    """
    enrollment, activity = observed.enrollment, observed.activity
    if state is None:
        return f"{activity.version}/"
    if not state or enrollment is None:
        return ""
    others = f"{state}|{enrollment.mode}|{enrollment.is_active}"
    return f"{activity.version}/{hashlib.sha256(others.encode()).hexdigest()[:16]}"


def course_state(course_key: str, user_ids: Sequence[int]) -> CourseState:
    """Return what progress depends on but the completions; nothing if unknown, since it only saves asking.

    That is the version of the course run, and of the learner: roles, cohort, experiments, gating, drawn questions.
    """
    try:
        return edx_platform.course_state(course_key, edx_platform.users(user_ids))
    except PlatformUnavailable as error:
        if is_outage(error):
            raise
        return CourseState()


def _take_aggregated(course_key: str, findings: Sequence[LearnerFinding], now: datetime) -> None:
    """Put down what the aggregator counted; the bulkhead around it: the rest is reported all the same."""
    counted: Mapping[int, Aggregated] = {}
    done_by_now: Mapping[int, Activity] = {}
    user_ids = [finding.row.user_id for finding in findings]
    with bulkhead(Boundary.PROGRESS, passes_outages=True) as contained:
        counted = edx_platform.aggregated(course_key, user_ids)
        done_by_now = edx_platform.activities(course_key, user_ids)
    for finding in findings:
        if contained.error is not None:
            finding.problem = Unobserved(contained.reason, Part.PROGRESS, is_courses=True)
            continue
        row, last, one = finding.row, finding.observed.activity.last, counted.get(finding.row.user_id)
        if last is not None and (one is None or one.last_modified < last) and now - AGAIN_FOR < last:
            finding.recheck_at = now + AGAIN_AFTER
        # What was finished meanwhile would be dated too early; its own notice brings the next observation.
        is_same = done_by_now.get(row.user_id, Activity()).version == finding.observed.activity.version
        if one is not None and is_same:
            finding.observed, finding.asked = with_progress(finding.observed, one.progress), True
            row.percent_seen, row.percent_unlocked_seen = finding.observed.percent, finding.observed.percent_unlocked
            row.activity_version = one.version


def with_progress(observed: Observed, progress: Progress) -> Observed:
    return replace(observed, percent=progress.percent, percent_unlocked=progress.percent_unlocked)
