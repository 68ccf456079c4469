"""What a backfill would report: counted, and for a sample looked at without keeping anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from django.db import transaction
from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.models.learner_course import LearnerCourse, registration_for
from percipio_openedx.operations.backfill import AT_ONCE, Pause, Sites, raise_if_everybodys
from percipio_openedx.operations.scope import Scope
from percipio_openedx.reporting.findings import LearnerFinding
from percipio_openedx.reporting.observe import examine
from percipio_openedx.reporting.observed_state import CourseBook


@dataclass(slots=True)
class Forecast:
    """``enrollments`` are all in the scope; of ``examined`` ones it is known what would be reported, or why not.

    ``failed_courses`` are course runs that the LMS could not be asked about, with the reason.
    """

    courses: int = 0
    enrollments: int = 0
    examined: int = 0
    statements: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    failed_courses: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        counts = {"courses": self.courses, "enrollments": self.enrollments, "examined": self.examined}
        failed_courses = {"failed_courses": self.failed_courses} if self.failed_courses else {}
        return {**counts, "statements": dict(self.statements), "held": dict(self.held), **failed_courses}


def forecast(scope: Scope, sample: int | None, pause: Pause, on_examined: Callable[[int], object] = int) -> Forecast:
    """Count, and examine.

    Arguments:
        scope: what the backfill would be about.
        sample: learners in courses to examine, spread evenly over the courses; None for all.
        pause: asked between two courses.
        on_examined: called with the number of those just examined.

    Raises:
        PercipioConfigurationError: a site is configured wrongly.
        PlatformUnavailable: the LMS could not be asked.
    """
    sites = Sites()
    counts = scope.courses(sites.site_of)
    courses, unknown = sites.reporting(counts)
    found = Forecast(courses=len(courses), enrollments=sum(counts[key] for key in courses), failed_courses=unknown)
    each = None if sample is None else max(1, sample // max(1, len(courses)))
    for course_key in courses:
        left = None if sample is None else sample - found.examined
        if pause.is_asked() or left == 0:
            break
        configuration = sites.configuration(course_key)
        if configuration is None:
            continue
        most = None if each is None or left is None else min(each, left)
        with bulkhead(Boundary.COURSE) as contained:
            _course(found, scope, configuration, course_key, most, on_examined)
        if contained.error is not None:
            raise_if_everybodys(contained.error)
            found.failed_courses[course_key] = contained.reason
    return found


def _course(
    found: Forecast,
    scope: Scope,
    configuration: Configuration,
    course_key: str,
    most: int | None,
    on_examined: Callable[[int], object],
) -> None:
    course, after, done = CourseBook(), 0, 0
    while most is None or done < most:
        limit = AT_ONCE if most is None else min(AT_ONCE, most - done)
        rows = edx_platform.enrollments_after(course_key, after, limit, scope.user_id)
        if not rows:
            return
        after = rows[-1][0]
        done += len(rows)
        user_ids = sorted(scope.learners(course_key, rows))
        # Before the learners: a course that cannot be read is nobody's fault among them.
        course.get(course_key)
        parts, broken = apart(
            Boundary.LEARNER, user_ids, lambda part: _examined(configuration, course_key, course, part)
        )
        for finding in chain.from_iterable(parts):
            found.statements.update(str(milestone.kind) for milestone, _ in finding.statements)
            found.held.update([str(finding.hold)] if finding.hold else [])
        found.held.update(reason_of(error) for error in broken.values())
        found.examined += len(user_ids)
        on_examined(len(rows))
        edx_platform.forget_request()


def _examined(
    configuration: Configuration, course_key: str, courses: CourseBook, user_ids: Sequence[int]
) -> list[LearnerFinding]:
    """Whatever the platform writes on the way (an external id on its first use) is taken back."""
    with transaction.atomic():
        try:
            rows = _rows(configuration.site_id, course_key, user_ids)
            return examine(configuration, course_key, courses.get(course_key), rows, timezone.now())
        finally:
            transaction.set_rollback(True)


def _rows(site_id: int, course_key: str, user_ids: Sequence[int]) -> dict[int, LearnerCourse]:
    """The rows as they are, and for the others some that are not saved."""
    known = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
    rows = {row.user_id: row for row in known}
    root = config.lms_root()
    for user_id in user_ids:
        if user_id not in rows:
            registration = registration_for(root, user_id, course_key)
            rows[user_id] = LearnerCourse(
                user_id=user_id, course_key=course_key, site_id=site_id, registration=registration
            )
    return rows
