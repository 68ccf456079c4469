"""Asking for the expensive progress: only where it can change the answer, and what it depends on has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from percipio_openedx.data import Policy, Progress
from percipio_openedx.models.learner_course import Part
from percipio_openedx.reporting import milestones, observed_state
from percipio_openedx.reporting.findings import Asking, Finding, Problem

# The reason of whoever is not asked for, since the platform failed for others of the course before.
NOT_ASKED = "the platform failed for others in this course"


def ask(course_key: str, findings: Sequence[Finding], policy: Policy, asking: Asking) -> None:
    """Find out, where it matters, how much of the course run these learners have completed.

    Who is not held back and whose progress cannot be had gets a problem, and all else of theirs is reported.
    """
    wanted = [
        finding
        for finding in findings
        if not finding.hold and milestones.needs_percent(finding.reported, finding.observed, policy)
    ]
    if not wanted:
        return
    # Before the question: if the outline changes meanwhile, the answer is remembered as one of the version before.
    outline = observed_state.outline_version(course_key)
    asked: dict[int, tuple[Finding, str]] = {}
    for finding in wanted:
        row, version = finding.row, observed_state.progress_version(finding.observed, outline)
        if version and row.activity_version == version and not asking.again:
            finding.observed = replace(
                finding.observed, percent=row.percent_seen, percent_unlocked=row.percent_unlocked_seen
            )
        elif asking.is_broken:
            finding.problem = Problem(NOT_ASKED, Part.PROGRESS)
        else:
            asked[row.user_id] = finding, version
    if not asked:
        return
    answers = observed_state.answers(course_key, list(asked), asking.deadline)
    now_done = observed_state.versions(course_key, asked)
    for user_id, (finding, version) in asked.items():
        if user_id in answers.failed:
            finding.problem = Problem(answers.failed[user_id], Part.PROGRESS, is_courses=answers.is_broken)
        elif user_id not in answers.found:
            finding.is_unfinished = True
        elif now_done.get(user_id, "") == finding.observed.activity.version:
            _remember(finding, answers.found[user_id], version)
        # Else something was finished meanwhile, and the share may hold it already: with the times read before, it would
        # be dated too early. Its own notice brings the next look.


def _remember(finding: Finding, progress: Progress | None, version: str) -> None:
    """Both percents, of which the site's policy of the day chooses one, under one version, or neither of them.

    What is unknown is asked for again, whatever it depends on.
    """
    if progress is None:
        return
    percent, unlocked = progress.percent, progress.percent_unlocked
    finding.observed = replace(finding.observed, percent=percent, percent_unlocked=unlocked)
    if percent is None or unlocked is None:
        return
    finding.asked = True
    finding.row.percent_seen, finding.row.percent_unlocked_seen = percent, unlocked
    finding.row.activity_version = version
