"""Backfill history: every learner ever enrolled, course by course, at the operator's pace; or forecast it.

A run is carried out by the command that began it, or by the workers (``BackfillRun.by_workers``) in their passes.
Whoever stops a run takes its lease away; whoever held it notices after the current chunk.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any

from django.db import Error
from django.db.models import Q
from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course
from percipio_openedx.db import rolled_back
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.models.statement import unleased
from percipio_openedx.operations.scope import Limit, Scope, Sites, raise_if_everybodys
from percipio_openedx.operations.walk import AT_ONCE, AT_ONCE_IN_A_PASS, Walk, Walked
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.findings import LearnerFinding
from percipio_openedx.reporting.observe import examine

# Seconds and enrollments of one pass: a pass has to come back to what learners do meanwhile.
SECONDS = 15.0
MOST = 50_000
# Wait before the next try where a run could not go on.
AFTER_PROBLEM = timedelta(seconds=60)


class Backfill(Walk):
    """A back-fill that a command carries out: it takes the run from whoever has it, a killed command for instance."""

    run: BackfillRun

    def claim(self) -> bool:
        return self._claim(Q(finished_at=None), by_workers=False)


class WorkersBackfill(Walk):
    """A back-fill that the workers carry on, unless an operator has stopped it meanwhile."""

    run: BackfillRun

    def claim(self) -> bool:
        # Here, so that a scope that cannot be read is this run's problem alone.
        self._scope = Scope.read(self.run.scope)
        return self._claim(unleased(timezone.now()) & Q(by_workers=True, finished_at=None), problem="")


def enrollments_in(scope: Scope) -> int:
    """Return the number of enrollments in scope at sites that report; counts the whole table once."""
    return sum(Sites().courses(scope).values())


def unfinished(scope: Scope) -> BackfillRun | None:
    """Return the interrupted run of the same scope, if any."""
    newest = BackfillRun.objects.filter(scope_key=scope.key).order_by("-id").first()
    return newest if newest is not None and newest.finished_at is None else None


def begin(scope: Scope, *, by_workers: bool = False, enrollments: int | None = None) -> BackfillRun:
    """Create a run; ``enrollments`` is the number in scope, as far as known."""
    return BackfillRun.objects.create(
        scope_key=scope.key,
        scope=scope.text,
        started_at=timezone.now(),
        by_workers=by_workers,
        enrollments=enrollments,
    )


def stop(pks: Iterable[int]) -> list[BackfillRun]:
    """Stop runs, whoever carries them out; return those that were not finished."""
    rows = list(BackfillRun.objects.filter(pk__in=list(pks), finished_at=None))
    stopped = BackfillRun.objects.filter(pk__in=[row.pk for row in rows], finished_at=None)
    stopped.update(by_workers=False, lease=None, leased_until=None)
    return rows


def resume(pks: Iterable[int]) -> list[BackfillRun]:
    """Have the workers carry on with runs that nobody carries out; return these."""
    idle = BackfillRun.objects.filter(unleased(timezone.now()), pk__in=list(pks), finished_at=None, by_workers=False)
    rows = list(idle)
    BackfillRun.objects.filter(pk__in=[row.pk for row in rows], finished_at=None).update(by_workers=True, problem="")
    return rows


def carry_on(seconds: float | None = None) -> Walked:
    """Carry on with the back-fills of the workers, for at most ``seconds``."""
    done = Walked()
    limit = Limit(time.monotonic() + min(SECONDS, SECONDS if seconds is None else seconds), MOST)
    for run in BackfillRun.objects.filter(by_workers=True, finished_at=None).order_by("pk"):
        later = timezone.now()
        if not limit.is_set():
            walk = WorkersBackfill(Scope(), run, limit, size=AT_ONCE_IN_A_PASS, on_walked=limit.count)
            if problem := done.walk_on(walk):
                with suppress(Error):
                    BackfillRun.objects.filter(pk=run.pk, finished_at=None).update(problem=problem)
                later += AFTER_PROBLEM
            elif walk.is_taken or run.finished_at is not None:
                continue
        done.next_at = later if done.next_at is None else min(done.next_at, later)
    if done.statements:
        # To be delivered by the next pass.
        done.next_at = timezone.now()
    return done


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
    counts = sites.courses(scope)
    found = Forecast(courses=len(counts), enrollments=sum(counts.values()))
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
