"""Walk through enrollments, course run by course run, and observe the learners of whom something is new.

Shared by back-fill and sweep. Uses the same observation as live notices, so it is idempotent and can be stopped and
resumed: the position is a row, held under a lease. Memory holds one chunk of learners. A bulkhead around each course
run lets the walk pass one that the LMS cannot read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from django.db.models import Q
from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, is_outage
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course
from percipio_openedx.db import persistently
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.learner_course import Notice, Reason
from percipio_openedx.models.operations import BackfillRun, Sweep
from percipio_openedx.models.statement import unleased
from percipio_openedx.operations.scope import Enrolled, Scope, Sites, raise_if_everybodys
from percipio_openedx.reporting import failures
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.preview import nothing_new

logger = logging.getLogger(__name__)

# Learners of a course observed together, and sifted beforehand: most have nothing new to report.
AT_ONCE = 200
SIFTED_AT_ONCE = 1000
# Observed together in a worker's pass. The platform may need half a second for each learner's progress, and a pass
# checks its budget only in between.
AT_ONCE_IN_A_PASS = 50
# Unreadable courses that are named; the others are counted.
NAMED = 20
# Longer than one chunk takes. A dead worker's walk is taken up by another after this.
LEASE = timedelta(minutes=5)

# What is stored after each chunk.
PROGRESS = ("course_key", "enrollment_id", "enrollments_done", "observed", "statements", "held", "failed_courses")

WalkRow = BackfillRun | Sweep


@dataclass(slots=True)
class Walked:
    """What a pass did.

    ``next_at`` is when to go on, None if nothing is left; ``broken`` is why it could not, else ``''``.
    """

    observed: int = 0
    statements: int = 0
    held: int = 0
    next_at: datetime | None = None
    broken: str = ""

    def add(self, other: Walked) -> None:
        """Add the counts of another one."""
        self.observed += other.observed
        self.statements += other.statements
        self.held += other.held

    def walk_on(self, walk: Walk) -> str:
        """Carry on with a walk in a worker's pass, behind a bulkhead; return what prevented it, ``''`` if nothing."""
        with bulkhead(Boundary.STEP) as contained:
            walk.work()
        self.add(walk.part)
        if contained.error is not None:
            logger.warning("%s waits row=%s problem=%s", walk.reason, walk.run.pk, contained.reason)
            if not (isinstance(contained.error, PercipioConfigurationError) or is_outage(contained.error)):
                self.broken = contained.reason
        return contained.reason


class Walk:
    """A walk, or the rest of one.

    Afterwards ``run`` holds the position and the counts, ``part`` what of them this walk added, ``unread`` the first
    course runs that the platform could not read, and ``failed`` the number of learners elsewhere that it could not
    read; a worker retries those. ``is_taken`` says that somebody else had, or took, the lease.

    Arguments:
        run: the row with the position.
        stop: checked between chunks.
        size: learners observed together.
        rate: most learners in courses per second; None for no limit.
        on_walked: called with the number of enrollments done.
    """

    # Why a learner is observed later, whom another worker is observing now.
    reason = Reason.BACKFILL
    # Whether progress is asked for where nothing is known to have changed.
    again = True

    def __init__(
        self,
        scope: Scope,
        run: WalkRow,
        stop: threading.Event,
        *,
        size: int | None = None,
        rate: float | None = None,
        on_walked: Callable[[int], object] = int,
    ) -> None:
        self._scope, self.run, self._stop, self._rate, self._on_walked = scope, run, stop, rate, on_walked
        self._sites = Sites()
        size = size or AT_ONCE
        self._size = size if rate is None else max(1, min(size, int(rate)))
        self._lease = uuid4()
        self.is_taken = False
        self.part = Walked()
        self.unread: list[str] = []
        self.failed = 0

    def work(self) -> bool:
        """Walk on; return whether the end was reached. Does nothing without the lease.

        Raises ``PlatformUnavailable`` where the LMS or the database could not be asked, and
        ``PercipioConfigurationError`` where a site is misconfigured.
        """
        if not self.claim():
            self.is_taken = True
            return False
        try:
            return self._walk()
        finally:
            self._store(lease=None, leased_until=None)

    def claim(self) -> bool:
        """Take the lease, and read where the last holder stopped; False if somebody else holds it."""
        return self._claim(unleased(timezone.now()))

    def finish(self, **values: object) -> bool:
        """Note and store the end, and these values; return whether this walk still has the lease."""
        self.run.finished_at = timezone.now()
        return self._store(finished_at=self.run.finished_at, **values)

    def chosen(self, course_key: str, rows: list[Enrolled]) -> set[int]:
        """Return the enrolled learners in scope; where that cannot be told, observation finds the problem."""
        parts, unknown = apart(Boundary.LEARNER, rows, lambda part: self._scope.learners(course_key, part))
        return set().union(*parts, (user_id for _, user_id, _ in unknown))

    def _walk(self) -> bool:
        run = self.run
        run.course_key = run.course_key or self._next("")
        while run.course_key:
            is_done = True
            with bulkhead(Boundary.COURSE) as contained:
                is_done = self._course(run.course_key)
            if contained.error is not None:
                raise_if_everybodys(contained.error)
                logger.warning(
                    "%s left a course out course=%s problem=%s", self.reason, run.course_key, contained.reason
                )
                failures.note_course(run.course_key, contained.reason)
                run.failed_courses += 1
                if len(self.unread) < NAMED:
                    self.unread.append(run.course_key)
            if not is_done:
                return False
            following = self._next(run.course_key)
            if not following:
                break
            run.course_key, run.enrollment_id = following, 0
            if self._is_over():
                return False
        return self.finish()

    def _next(self, course_key: str) -> str:
        return edx_platform.next_course(course_key, self._scope.user_id)

    def _is_over(self) -> bool:
        return self.is_taken or self._stop.is_set()

    def _course(self, course_key: str) -> bool:
        """Observe what is left of a course run; return False if stopped before its end."""
        if not self._sites.is_in(self._scope, course_key):
            return True
        configuration = self._sites.configuration(course_key)
        if configuration is None:
            return True
        courses = CourseBook()
        sifted = SIFTED_AT_ONCE if self._rate is None else self._size
        while rows := edx_platform.enrollments_after(course_key, self.run.enrollment_id, sifted, self._scope.user_id):
            course = courses.get(course_key)
            chosen = self.chosen(course_key, rows)
            news = chosen - self._settled(configuration, course, rows, chosen)
            # Without news they are one step, however many.
            size = self._size if news or self._rate is not None else len(rows)
            for start in range(0, len(rows), size):
                if self._is_over():
                    return False
                part = rows[start : start + size]
                began = time.monotonic()
                user_ids = [user_id for _, user_id, _ in part if user_id in chosen]
                self._observe(configuration, course_key, course, [one for one in user_ids if one in news])
                self._count(Walked(observed=sum(1 for one in user_ids if one not in news)))
                self.run.enrollments_done += len(part)
                self.run.enrollment_id = part[-1][0]
                self.is_taken = not self._store(leased_until=timezone.now() + LEASE)
                self._on_walked(len(part))
                # A loop outside a task would otherwise see stale request caches.
                edx_platform.forget_request()
                if self._rate is not None:
                    self._stop.wait(max(0.0, len(user_ids) / self._rate - (time.monotonic() - began)))
        failures.course_is_well(course_key)
        return True

    def _settled(
        self, configuration: Configuration, course: Course | None, rows: list[Enrolled], chosen: set[int]
    ) -> set[int]:
        """Return those with nothing to report: they need no lease, observation or write."""
        enrolled = {user_id: at for _, user_id, at in rows if at is not None and user_id in chosen}
        with bulkhead(Boundary.LEARNER, passes_outages=True):
            return nothing_new(configuration, course, enrolled, trusts_progress=not self.again)
        # One of them cannot be read: observing all of them shows which.
        return set()

    def _observe(
        self, configuration: Configuration, course_key: str, course: Course | None, user_ids: list[int]
    ) -> None:
        if not user_ids:
            return
        counts = observe(configuration, course_key, course, user_ids, timezone.now(), again=self.again)
        self._count(Walked(counts.observed, counts.statements, counts.held))
        self.failed += len(counts.problems)
        # Being observed elsewhere right now; a worker comes back to them.
        now = timezone.now()
        Notice.objects.bulk_create(
            Notice(user_id=user_id, course_key=course_key, reason=self.reason, noticed_at=now)
            for user_id in sorted(counts.busy)
        )

    def _count(self, some: Walked) -> None:
        self.part.add(some)
        self.run.observed += some.observed
        self.run.statements += some.statements
        self.run.held += some.held

    @persistently
    def _claim(self, condition: Q, /, **values: object) -> bool:
        """Take the lease where the condition holds, with these values; read the row in any case."""
        now = timezone.now()
        rows = type(self.run)._default_manager.filter(condition, pk=self.run.pk)
        taken = rows.update(lease=self._lease, leased_until=now + LEASE, **values)
        self.run.refresh_from_db()
        return bool(taken)

    @persistently
    def _store(self, **values: object) -> bool:
        """Store position, counts and these values, unless somebody else has taken the lease; return whether stored."""
        values |= {name: getattr(self.run, name) for name in PROGRESS}
        return bool(type(self.run)._default_manager.filter(pk=self.run.pk, lease=self._lease).update(**values))
