"""The progress of a site that has it from the completion aggregator (``PERCIPIO_PROGRESS_FROM``).

It is read anew at each observation, by one query for all learners, and never reused. The aggregator usually counts
later than learners act (its own command, each hour, say), and no signal tells of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from percipio_openedx import edx_platform
from percipio_openedx.bulkheads import Boundary, bulkhead
from percipio_openedx.data import Activity, Observed
from percipio_openedx.edx_platform import Aggregated
from percipio_openedx.models.learner_course import Part
from percipio_openedx.reporting.findings import LearnerFinding, Unobserved

# Whose last completion the aggregator has not counted yet is observed again, for a day; then by the sweep.
AGAIN_AFTER = timedelta(hours=1)
AGAIN_FOR = timedelta(days=1)


def take(course_key: str, findings: Sequence[LearnerFinding], now: datetime) -> None:
    """Put the progress down; if it cannot be read, the rest is reported all the same: the bulkhead around it."""
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
        is_late = last is not None and (one is None or one.last_modified < last)
        if is_late and last is not None and now - AGAIN_FOR < last:
            finding.recheck_at = now + AGAIN_AFTER
        # What was finished meanwhile would be dated too early; its own notice brings the next observation.
        is_same = done_by_now.get(row.user_id, Activity()).version == finding.observed.activity.version
        if one is not None and is_same:
            finding.observed, finding.asked = with_progress(finding.observed, one), True
            row.percent_seen, row.percent_unlocked_seen = finding.observed.percent, finding.observed.percent_unlocked
            row.activity_version = one.version


def with_progress(observed: Observed, counted: Aggregated) -> Observed:
    """Return what is observed with what the aggregator counted."""
    progress = counted.progress
    return replace(observed, percent=progress.percent, percent_unlocked=progress.percent_unlocked)
