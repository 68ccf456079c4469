"""Select a backfill's scope, and forecast what it would report without storing anything."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache, partial
from itertools import chain
from typing import Any

from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, is_outage, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course
from percipio_openedx.db import rolled_back
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.findings import LearnerFinding
from percipio_openedx.reporting.observe import examine

# Learners of a course examined together.
AT_ONCE = 200

# Enrollment id, user id, creation time.
Enrolled = tuple[int, int, datetime | None]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which learners in which course runs. Empty means all.

    Arguments:
        site_id: only courses of this site.
        org: only courses of this organization.
        course_keys: only these course runs.
        user_id: only this learner.
        since, until: only learners with an act in the course in this period: an enrollment, completion, grade or
            certificate. Everything about them is reported, including older facts.
    """

    site_id: int | None = None
    org: str = ""
    course_keys: tuple[str, ...] = ()
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def text(self) -> str:
        """Return a canonical text, equal for equal scopes."""
        return json.dumps({**asdict(self), "course_keys": sorted(self.course_keys)}, sort_keys=True, default=str)

    @classmethod
    def read(cls, text: str) -> Scope:
        """Return the scope with this canonical text; raises ``ValueError`` for any other."""
        given = json.loads(text)
        times = {name: given.get(name) and datetime.fromisoformat(given[name]) for name in ("since", "until")}
        return cls(**{**given, "course_keys": tuple(given["course_keys"]), **times})

    @property
    def key(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def learners(self, course_key: str, rows: Sequence[Enrolled]) -> set[int]:
        """Return the enrolled learners with an act in the period."""
        user_ids = [user_id for _, user_id, _ in rows]
        if self.since is None and self.until is None:
            return set(user_ids)
        spans = [(user_id, created, created) for _, user_id, created in rows]
        for user_id, activity in edx_platform.activities(course_key, user_ids).items():
            spans.append((user_id, activity.first, activity.last))
        for user_id, grade in edx_platform.grades(course_key, user_ids).items():
            spans += [(user_id, grade.passed_at, grade.passed_at), (user_id, grade.changed, grade.changed)]
        for user_id, certificate in edx_platform.certificates(course_key, user_ids).items():
            changed = certificate.changed or certificate.created
            # A certificate shown later than it was made counts on that day.
            spans.append((user_id, certificate.created, max(changed, certificate.awarded_at or changed)))
        return {user_id for user_id, first, last in spans if self._overlaps(first, last)}

    def _overlaps(self, first: datetime | None, last: datetime | None) -> bool:
        if first is None or last is None:
            return False
        return (self.since is None or last >= self.since) and (self.until is None or first < self.until)


class Sites:
    """Configurations by course run, each site read once per run."""

    def __init__(self) -> None:
        self._site_of = cache(config.site_id_for)
        self._in_force = cache(config.for_site)

    def configuration(self, course_key: str) -> Configuration | None:
        """Return a course run's configuration, or None, or raise ``PercipioConfigurationError``."""
        return self._in_force(self._site_of(edx_platform.org_of(course_key)))

    def courses(self, scope: Scope) -> tuple[dict[str, int], dict[str, str]]:
        """Return the enrollments of a scope's course runs whose sites report, and why a site is unknown.

        Raises ``PlatformUnavailable``, and ``PercipioConfigurationError`` where a site is misconfigured.
        """
        counts = edx_platform.enrollment_counts(scope.user_id)
        found, unknown = {}, {}
        for course_key in sorted(key for key in counts if self.is_in(scope, key)):
            with bulkhead(Boundary.COURSE) as contained:
                if self.configuration(course_key) is not None:
                    found[course_key] = counts[course_key]
            if contained.error is not None:
                raise_if_everybodys(contained.error)
                unknown[course_key] = contained.reason
        return found, unknown

    def is_in(self, scope: Scope, course_key: str) -> bool:
        """Return whether a course run is in scope, as far as its key says."""
        if scope.course_keys and course_key not in scope.course_keys:
            return False
        if not scope.org and scope.site_id is None:
            return True
        try:
            org = edx_platform.org_of(course_key)
        except PlatformUnavailable:
            # An enrollment in something that is no course run belongs to no site.
            return False
        return (not scope.org or org == scope.org) and (scope.site_id is None or self._site_of(org) == scope.site_id)


def raise_if_everybodys(error: Exception) -> None:
    """Raise an error that affects all items: a misconfigured site or a failing database."""
    if isinstance(error, PercipioConfigurationError):
        raise error
    if is_outage(error):
        raise PlatformUnavailable("the database", f"failed with {type(error).__name__}") from error


@dataclass(slots=True)
class Forecast:
    """``enrollments`` counts the scope; ``examined`` those for which the reports, or why not, are known.

    ``failed_courses`` are course runs that the LMS could not read, with the reason.
    """

    courses: int = 0
    enrollments: int = 0
    examined: int = 0
    statements: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    failed_courses: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        counts = {"courses": self.courses, "enrollments": self.enrollments, "examined": self.examined}
        failed_courses = {"failed_courses": self.failed_courses} if self.failed_courses else {}
        return {**counts, "statements": dict(self.statements), "held": dict(self.held), **failed_courses}


def forecast(scope: Scope, sample: int, stop: threading.Event, on_examined: Callable[[int], object] = int) -> Forecast:
    """Count and examine the scope.

    ``sample`` limits the learners in courses examined, spread evenly over the courses. ``stop`` is checked between
    courses, ``on_examined`` called with the number just examined. Raises as ``Sites.courses``.
    """
    sites = Sites()
    counts, unknown = sites.courses(scope)
    found = Forecast(courses=len(counts), enrollments=sum(counts.values()), failed_courses=unknown)
    each = max(1, sample // max(1, len(counts)))
    for course_key in counts:
        left = sample - found.examined
        if stop.is_set() or not left:
            break
        configuration = sites.configuration(course_key)
        if configuration is None:
            continue
        with bulkhead(Boundary.COURSE) as contained:
            for count in _course(found, scope, configuration, course_key, min(each, left)):
                on_examined(count)
        if contained.error is not None:
            raise_if_everybodys(contained.error)
            found.failed_courses[course_key] = contained.reason
    return found


def _course(found: Forecast, scope: Scope, configuration: Configuration, course_key: str, most: int) -> Iterator[int]:
    courses, after, done = CourseBook(), 0, 0
    while rows := edx_platform.enrollments_after(course_key, after, min(AT_ONCE, most - done), scope.user_id):
        after = rows[-1][0]
        done += len(rows)
        user_ids = sorted(scope.learners(course_key, rows))
        # First the course: if it cannot be read, no learner is at fault.
        course = courses.get(course_key)
        work = partial(_examined, configuration, course_key, course)
        parts, broken = apart(Boundary.LEARNER, user_ids, work)
        for finding in chain.from_iterable(parts):
            found.statements.update(str(milestone.kind) for milestone, _ in finding.statements)
            found.held.update([str(finding.hold)] if finding.hold else [])
        found.held.update(reason_of(error) for error in broken.values())
        found.examined += len(user_ids)
        yield len(rows)
        edx_platform.forget_request()


def _examined(
    configuration: Configuration, course_key: str, course: Course | None, user_ids: Sequence[int]
) -> list[LearnerFinding]:
    """Examine, and roll back what the platform writes on the way (an external id on its first use)."""
    with rolled_back():
        rows = _rows(configuration.site_id, course_key, user_ids)
        return examine(configuration, course_key, course, rows, timezone.now())


def _rows(site_id: int, course_key: str, user_ids: Sequence[int]) -> dict[int, LearnerCourse]:
    root = config.lms_root()
    rows = {user_id: LearnerCourse.begun(root, user_id, course_key, site_id) for user_id in user_ids}
    known = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
    return rows | {row.user_id: row for row in known}
