"""Backfill history: every learner ever enrolled, course by course, at the operator's pace.

Uses the same observation as live notices, so it is idempotent and can be stopped and resumed. Memory holds one chunk of
learners and the list of course runs. A bulkhead around each course run lets the backfill pass one that the LMS cannot
read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course
from percipio_openedx.models.notice import Notice, Reason
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.operations.scope import Enrolled, Scope, Sites, raise_if_everybodys
from percipio_openedx.reporting import failures
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.observed_state import CourseBook
from percipio_openedx.reporting.preview import nothing_new

logger = logging.getLogger(__name__)

# Learners of a course observed together, and sifted beforehand: most have nothing new to report.
AT_ONCE = 200
SIFTED_AT_ONCE = 1000
# Unreadable courses that are named; the others are counted.
NAMED = 20


def unfinished(scope: Scope) -> BackfillRun | None:
    """Return the interrupted run of the same scope, if any."""
    newest = BackfillRun.objects.filter(scope_key=scope.key).order_by("-id").first()
    return newest if newest is not None and newest.finished_at is None else None


def begin(scope: Scope) -> BackfillRun:
    return BackfillRun.objects.create(scope_key=scope.key, scope=scope.text, started_at=timezone.now())


class Backfill:
    """One run, or the rest of it.

    Afterwards ``run`` holds the position, ``unread`` the first course runs that the platform could not read, and
    ``failed`` the number of learners elsewhere that it could not read; a worker retries those.

    Arguments:
        run: from ``begin`` or ``unfinished``.
        stop: checked between chunks.
        rate: most learners in courses per second; None for no limit.
        on_looked: called with the number of enrollments done.
    """

    def __init__(
        self,
        scope: Scope,
        run: BackfillRun,
        stop: threading.Event,
        rate: float | None = None,
        on_observed: Callable[[int], object] = int,
    ) -> None:
        self._scope, self.run, self._stop, self._rate, self._on_observed = scope, run, stop, rate, on_observed
        self._sites = Sites()
        self._size = AT_ONCE if rate is None else max(1, min(AT_ONCE, int(rate)))
        self.unread: list[str] = []
        self.failed = 0

    def courses(self) -> dict[str, int]:
        """Return the remaining course runs of sites that report, with their numbers of enrollments."""
        found, unknown = self._sites.courses(self._scope, self.run.course_key)
        for course_key, reason in unknown.items():
            self._leave_out(course_key, reason)
        return found

    def work(self, courses: Iterable[str]) -> bool:
        """Observe all of these; return False if stopped before the end."""
        for course_key in courses:
            if course_key != self.run.course_key:
                self.run.course_key, self.run.enrollment_id = course_key, 0
            with bulkhead(Boundary.COURSE) as contained:
                self._course(course_key)
            if contained.error is not None:
                raise_if_everybodys(contained.error)
                self._leave_out(course_key, contained.reason)
            if self._stop.is_set():
                return False
        self.run.finished_at = timezone.now()
        self.run.save()
        return True

    def _course(self, course_key: str) -> None:
        configuration = self._sites.configuration(course_key)
        if configuration is None:
            return
        courses = CourseBook()
        size = SIFTED_AT_ONCE if self._rate is None else self._size
        while rows := edx_platform.enrollments_after(course_key, self.run.enrollment_id, size, self._scope.user_id):
            course = courses.get(course_key)
            chosen = self._chosen(course_key, rows)
            settled = self._settled(configuration, course, rows, chosen)
            for start in range(0, len(rows), self._size):
                if self._stop.is_set():
                    return
                part = rows[start : start + self._size]
                began = time.monotonic()
                user_ids = [user_id for _, user_id, _ in part if user_id in chosen]
                self._observe(configuration, course_key, course, [one for one in user_ids if one not in settled])
                self.run.observed += sum(1 for one in user_ids if one in settled)
                self.run.enrollment_id = part[-1][0]
                self.run.save()
                self._on_observed(len(part))
                # A loop outside a task would otherwise see stale request caches.
                edx_platform.forget_request()
                if self._rate is not None:
                    self._stop.wait(max(0.0, len(user_ids) / self._rate - (time.monotonic() - began)))
        failures.course_is_well(course_key)

    def _chosen(self, course_key: str, rows: list[Enrolled]) -> set[int]:
        """Return the enrolled learners in scope; where that cannot be told, observation finds the problem."""
        parts, unknown = apart(Boundary.LEARNER, rows, lambda part: self._scope.learners(course_key, part))
        return set().union(*parts, (user_id for _, user_id, _ in unknown))

    def _settled(
        self, configuration: Configuration, course: Course | None, rows: list[Enrolled], chosen: set[int]
    ) -> set[int]:
        """Return those with nothing to report: they need no lease, observation or write."""
        enrolled = {user_id: at for _, user_id, at in rows if at is not None and user_id in chosen}
        with bulkhead(Boundary.LEARNER) as contained:
            return nothing_new(configuration, course, enrolled)
        if contained.error is not None:
            raise_if_everybodys(contained.error)
        # One of them cannot be read: observing all of them shows which.
        return set()

    def _observe(
        self, configuration: Configuration, course_key: str, course: Course | None, user_ids: list[int]
    ) -> None:
        if not user_ids:
            return
        counts = observe(configuration, course_key, course, user_ids, timezone.now(), again=True)
        self.run.observed += counts.observed
        self.run.statements += counts.statements
        self.run.held += counts.held
        self.failed += len(counts.problems)
        # Being observed elsewhere right now; a worker comes back to them.
        now = timezone.now()
        Notice.objects.bulk_create(
            Notice(user_id=user_id, course_key=course_key, reason=Reason.BACKFILL, noticed_at=now)
            for user_id in sorted(counts.busy)
        )

    def _leave_out(self, course_key: str, reason: str) -> None:
        logger.warning("backfill left a course out course=%s problem=%s", course_key, reason)
        failures.note_course(course_key, reason)
        self.run.failed_courses += 1
        self.run.save()
        if len(self.unread) < NAMED:
            self.unread.append(course_key)
