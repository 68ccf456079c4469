"""Completions as Percipio's *External Learning* import takes them, for those who have no credentials yet.

A learner is named, or held back, and a completion is found exactly as for a statement (``reporting.observe``): what was
reported is read from its statement, what is due is examined and not stored. Nothing is sent or written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, reason_of
from percipio_openedx.catalog.compare import runs_of
from percipio_openedx.catalog.files import harmless
from percipio_openedx.catalog.items import record
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course, LearnerIdentity, Milestone
from percipio_openedx.db import rolled_back
from percipio_openedx.enums import CompletedOn, Kind
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.findings import LearnerFinding
from percipio_openedx.reporting.observe import examine
from percipio_openedx.reporting.progress import NOT_ASKED, ProgressOptions
from percipio_openedx.statements.build import milestone_of

AT_ONCE = 200

# Our name of each column (see ``files.columns``), and other names of it.
USER_ID, LOGIN, EMAIL = "External User ID", "Login Name", "Email Address"
KNOWN: Mapping[str, Sequence[str]] = {
    USER_ID: ("User ID",),
    LOGIN: ("Username", "User Name"),
    EMAIL: ("Email",),
    "Asset Title": ("Title",),
    "Category Type": ("Category",),
    "Completion Date": ("Date Completed", "Completed Date"),
    "Total Learning Hours": ("Total Learning Hours (in seconds)", "Learning Hours", "Duration"),
    "Source Name": ("Source",),
    "Asset Type": ("Type",),
    "Status": ("Completion Status",),
}
MANDATORY = tuple(name for name in KNOWN if name not in (USER_ID, LOGIN, EMAIL))
# Reasons besides ``HoldReason`` why a completion is left out.
NO_TIME, ODD_ID = "no_time", "odd_id"


@dataclass(frozen=True, slots=True)
class Completion:
    """One completion of a course run; ``seconds`` is the time on task, else the course's duration. Personal data."""

    identity: LearnerIdentity = field(repr=False)
    title: str
    at: datetime
    seconds: int


@dataclass(slots=True)
class LeftOut:
    """How many learners in courses have no row, by reason, and the course runs that could not be read."""

    held: Counter[str] = field(default_factory=Counter)
    failed_courses: dict[str, str] = field(default_factory=dict)


def learner_column(configuration: Configuration) -> str:
    """Return the column in which the site's rule names a learner."""
    return {"email": EMAIL, "username": LOGIN}.get(configuration.learner_id, USER_ID)


def row_of(
    completion: Completion, configuration: Configuration, lists: Mapping[str, str], dates: str
) -> dict[str, str]:
    """Return the cells by column; ``lists`` are the values that are lists in Percipio, ``dates`` a format of a date."""
    return {
        **lists,
        learner_column(configuration): completion.identity.scalar,
        "Asset Title": completion.title,
        "Completion Date": completion.at.astimezone(UTC).strftime(dates),
        "Total Learning Hours": str(completion.seconds),
    }


def enrolled_courses(configuration: Configuration) -> dict[str, int]:
    """Return the number of enrollments in each course run of a site that has any; raises ``PlatformUnavailable``."""
    sites, default = edx_platform.sites_by_org(), config.default_site_id()
    counts = edx_platform.enrollment_counts(None)
    return {
        key: counts[key]
        for key in sorted(counts)
        if sites.get(edx_platform.org_of(key), default) == configuration.site_id
    }


def completions(
    configuration: Configuration, course_key: str, left_out: LeftOut, account: str = ""
) -> Iterator[list[Completion]]:
    """Yield the completions of a course run that are reported or due, for some enrollments at a time.

    ``account`` names the account whose learners they are, for a site with accounts: nobody else's are among them.

    The bulkhead around each course run, and each learner in it: what cannot be read is noted in ``left_out``.
    """
    after = 0
    with bulkhead(Boundary.COURSE, passes_outages=True) as contained:
        course = CourseBook().get(course_key)
        title, duration = _described(configuration.site_id, course_key)
        while rows := edx_platform.enrollments_after(course_key, after, AT_ONCE, None):
            after = rows[-1][0]
            work = partial(_found, configuration, course_key, course)
            parts, broken = apart(Boundary.LEARNER, sorted({user_id for _pk, user_id, *_ in rows}), work)
            left_out.held.update(reason_of(error) for error in broken.values())
            found = []
            for finding, milestone in (pair for part in parts for pair in part):
                seconds = (milestone.seconds if milestone else None) or duration
                if finding.configuration is not None and finding.configuration.account != account:
                    continue
                if finding.hold:
                    left_out.held[str(finding.hold)] += 1
                elif milestone is None or finding.identity is None:
                    unknown = finding.problem is not None and finding.problem.reason != NOT_ASKED
                    left_out.held.update([finding.problem.reason] if finding.problem and unknown else [])
                elif not seconds:
                    left_out.held[NO_TIME] += 1
                elif harmless(finding.identity.scalar) != finding.identity.scalar:
                    # It would name nobody, or somebody else, behind an apostrophe.
                    left_out.held[ODD_ID] += 1
                else:
                    found.append(Completion(finding.identity, title, milestone.at, seconds))
            yield found
            edx_platform.forget_request()
    if contained.error is not None:
        left_out.failed_courses[course_key] = contained.reason


def _described(site_id: int, course_key: str) -> tuple[str, int | None]:
    """Return a course run's title and duration as the catalog states them."""
    rules = config.catalog_for(site_id)
    runs = runs_of(rules, edx_platform.course_runs([course_key])) if rules is not None else []
    if rules is None or not runs:
        return "", None
    said = record(runs[0], rules.policy, rules.root)
    return said.title, said.duration


Found = list[tuple[LearnerFinding, Milestone | None]]


def _found(configuration: Configuration, course_key: str, course: Course | None, user_ids: Sequence[int]) -> Found:
    """Examine, and roll back what the platform writes on the way (an external id on its first use)."""
    now, root = timezone.now(), config.lms_root()
    with rolled_back():
        known = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
        rows = {row.user_id: row for row in known}
        reported = _reported(rows)
        # Reported, and its statement deleted with age: examined as if nothing had been reported.
        pruned = {user_id for user_id, row in rows.items() if row.reported_completed and user_id not in reported}
        for user_id in user_ids:
            if user_id not in rows or user_id in pruned:
                rows[user_id] = LearnerCourse.begun(root, user_id, course_key, configuration.site_id)
        # The progress is expensive, and decides no completion by these two.
        is_decided = configuration.policy.completed_on in (CompletedOn.PASSED, CompletedOn.CERTIFICATE)
        options = ProgressOptions(is_broken=is_decided)
        findings = examine(configuration, course_key, course, rows, now, options=options)
    return [(finding, _standing(finding, reported.get(finding.row.user_id))) for finding in findings]


def _reported(rows: Mapping[int, LearnerCourse]) -> dict[int, Milestone]:
    """Return the completions that were reported and stand, by user id."""
    completed = [row.pk for row in rows.values() if row.reported_completed]
    found = Statement.objects.filter(learner_course_id__in=completed, kind=Kind.COMPLETED, voided_by__isnull=True)
    columns = ("learner_course__user_id", "kind", "value", "happened_at", "body")
    return {
        user_id: milestone_of(kind, value, at, bytes(body))
        for user_id, kind, value, at, body in found.order_by("sequence").values_list(*columns)
    }


def _standing(finding: LearnerFinding, reported: Milestone | None) -> Milestone | None:
    """Return the completion that was reported, unless it is about to be taken back, else the one that is due."""
    completed = reported
    for milestone, _built in finding.statements:
        if milestone.kind is Kind.COMPLETED:
            completed = milestone
        elif milestone.retracts is Kind.COMPLETED:
            completed = None
    return completed
