"""Looking at history: every learner ever enrolled, course by course, at the operator's pace.

The same look as for live notices, so nothing is reported twice and a run can be stopped and begun again at any time.
What is held in memory is one chunk of learners and the list of course runs. A bulkhead stands around each course run:
the back-fill goes on behind one that the LMS cannot read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, is_outage
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.notice import Notice, Reason
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.operations.scope import Enrolled, Scope
from percipio_openedx.reporting import failures
from percipio_openedx.reporting.observe import observe
from percipio_openedx.reporting.observed_state import CourseBook
from percipio_openedx.reporting.preview import nothing_new

logger = logging.getLogger(__name__)

# Learners of one course that are looked at together, and those that are sifted before: of most, everything is told.
AT_ONCE = 200
SIFTED_AT_ONCE = 1000
# Troubled courses that are named; the others are counted.
NAMED = 20


class Pause(Protocol):
    """Whether to stop, and waiting that ends when it is time to stop."""

    def is_asked(self) -> bool: ...

    def wait(self, seconds: float) -> None: ...


@dataclass(slots=True)
class Sites:
    """The configuration of each organisation's site, read once a run."""

    _sites: dict[str, int] = field(default_factory=dict)
    _configurations: dict[int, Configuration | None] = field(default_factory=dict)

    def site_of(self, org: str) -> int:
        """The site of an organisation."""
        if org not in self._sites:
            self._sites[org] = config.site_id_for(org)
        return self._sites[org]

    def configuration(self, course_key: str) -> Configuration | None:
        """What is in force for a course run, or None.

        Raises:
            PercipioConfigurationError: its site is configured wrongly.
        """
        site_id = self.site_of(edx_platform.org_of(course_key))
        if site_id not in self._configurations:
            self._configurations[site_id] = config.for_site(site_id)
        return self._configurations[site_id]

    def reporting(self, course_keys: Iterable[str]) -> tuple[list[str], dict[str, str]]:
        """The course runs of sites that report; and those of which that cannot be said, with the reason.

        Raises:
            PercipioConfigurationError: a site is configured wrongly.
        """
        found, unknown = [], {}
        for course_key in course_keys:
            with bulkhead(Boundary.COURSE) as contained:
                if self.configuration(course_key) is not None:
                    found.append(course_key)
            if contained.error is not None:
                raise_if_everybodys(contained.error)
                unknown[course_key] = contained.reason
        return found, unknown


def raise_if_everybodys(error: Exception) -> None:
    """Go on with the next item unless an error is about all of them.

    Raises:
        PercipioConfigurationError: the site is configured wrongly.
        PlatformUnavailable: the database is out of order.
    """
    if isinstance(error, PercipioConfigurationError):
        raise error
    if is_outage(error):
        raise PlatformUnavailable("the database", f"failed with {type(error).__name__}") from error


@dataclass(slots=True)
class Outcome:
    """How a run ended: where it stands, and the courses that the platform could not be asked about.

    ``failed`` counts learners of other courses about whom it could not; a worker tries those again.
    """

    run: BackfillRun
    is_finished: bool = False
    failed_courses: list[str] = field(default_factory=list)
    failed: int = 0


def unfinished(scope: Scope) -> BackfillRun | None:
    """The run of the same scope that was interrupted, if there is one."""
    newest = BackfillRun.objects.filter(scope_key=scope.key).order_by("-id").first()
    return newest if newest is not None and newest.finished_at is None else None


def begin(scope: Scope) -> BackfillRun:
    """A new run, from the start."""
    return BackfillRun.objects.create(scope_key=scope.key, scope=scope.text, started_at=timezone.now())


class Backfill:
    """One run, or what is left of it.

    Arguments:
        scope: what it is about.
        run: its place.
        pause: asked between two chunks.
        rate: learners in courses a second at the most, None for as fast as it goes.
        on_looked: called with the number of enrollments that are done.
    """

    def __init__(
        self,
        scope: Scope,
        run: BackfillRun,
        pause: Pause,
        rate: float | None = None,
        on_observed: Callable[[int], object] = int,
    ) -> None:
        self._scope, self._run, self._pause, self._rate = scope, run, pause, rate
        self._on_observed = on_observed
        self._sites = Sites()
        self._size = AT_ONCE if rate is None else max(1, min(AT_ONCE, int(rate)))
        self.outcome = Outcome(run)

    def courses(self) -> dict[str, int]:
        """The course runs that are left, of sites that report, with their numbers of enrollments."""
        counts = self._scope.courses(self._sites.site_of)
        found, unknown = self._sites.reporting(key for key in counts if key >= self._run.course_key)
        for course_key, reason in unknown.items():
            self._trouble(course_key, reason)
        return {key: counts[key] for key in found}

    def work(self, courses: dict[str, int]) -> Outcome:
        """Look at all of them, until the end or until asked to stop."""
        for course_key in courses:
            if course_key != self._run.course_key:
                self._run.course_key, self._run.enrollment_id = course_key, 0
            with bulkhead(Boundary.COURSE) as contained:
                self._course(course_key)
            if contained.error is not None:
                raise_if_everybodys(contained.error)
                self._trouble(course_key, contained.reason)
            if self._pause.is_asked():
                return self.outcome
        self._run.finished_at = timezone.now()
        self._run.save()
        self.outcome.is_finished = True
        return self.outcome

    def _course(self, course_key: str) -> None:
        configuration = self._sites.configuration(course_key)
        if configuration is None:
            return
        courses = CourseBook()
        for rows in self._chunks(course_key):
            chosen = self._chosen(course_key, rows)
            settled = self._settled(configuration, courses.get(course_key), rows, chosen)
            for start in range(0, len(rows), self._size):
                if self._pause.is_asked():
                    return
                part = rows[start : start + self._size]
                began = time.monotonic()
                user_ids = [user_id for _, user_id, _ in part if user_id in chosen]
                self._observe(configuration, course_key, courses, [one for one in user_ids if one not in settled])
                self._run.observed += sum(1 for one in user_ids if one in settled)
                self._run.enrollment_id = part[-1][0]
                self._run.save()
                self._on_observed(len(part))
                # A loop that is no task sees yesterday's truth otherwise.
                edx_platform.forget_request()
                if self._rate is not None:
                    self._pause.wait(len(user_ids) / self._rate - (time.monotonic() - began))
        failures.course_is_well(course_key)

    def _chosen(self, course_key: str, rows: list[Enrolled]) -> set[int]:
        """Those of the enrolled who are meant; where that cannot be said of one, the look says what is wrong."""
        parts, unknown = apart(Boundary.LEARNER, rows, lambda part: self._scope.learners(course_key, part))
        return set().union(*parts, (user_id for _, user_id, _ in unknown))

    def _chunks(self, course_key: str) -> Iterator[list[Enrolled]]:
        size = SIFTED_AT_ONCE if self._rate is None else self._size
        while True:
            rows = edx_platform.enrollments_after(course_key, self._run.enrollment_id, size, self._scope.user_id)
            if not rows:
                return
            yield rows

    def _settled(
        self, configuration: Configuration, course: Course | None, rows: list[Enrolled], chosen: set[int]
    ) -> set[int]:
        """Those who have nothing to tell: no lease, no look, and nothing of theirs is written."""
        enrolled = {user_id: at for _, user_id, at in rows if at is not None and user_id in chosen}
        with bulkhead(Boundary.LEARNER) as contained:
            return nothing_new(configuration, course, enrolled)
        if contained.error is not None:
            raise_if_everybodys(contained.error)
        # Whoever it is that cannot be read: the look at all of them finds out.
        return set()

    def _observe(self, configuration: Configuration, course_key: str, courses: CourseBook, user_ids: list[int]) -> None:
        if not user_ids:
            return
        counts = observe(configuration, course_key, courses.get(course_key), user_ids, timezone.now(), again=True)
        self._run.observed += counts.observed
        self._run.statements += counts.statements
        self._run.held += counts.held
        self.outcome.failed += len(counts.problems)
        # Somebody else looks at them at this moment; a worker comes back to them.
        now = timezone.now()
        Notice.objects.bulk_create(
            Notice(user_id=user_id, course_key=course_key, reason=Reason.BACKFILL, noticed_at=now)
            for user_id in sorted(counts.busy)
        )

    def _trouble(self, course_key: str, reason: str) -> None:
        logger.warning("backfill left a course out course=%s problem=%s", course_key, reason)
        failures.note_course(course_key, reason)
        self._run.failed_courses += 1
        self._run.save()
        if len(self.outcome.failed_courses) < NAMED:
            self.outcome.failed_courses.append(course_key)
