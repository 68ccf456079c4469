"""Looking at history: every learner ever enrolled, course by course, at the operator's pace.

The same look as for live notices, so nothing is reported twice and a run can be stopped and begun again at any time.
What is held in memory is one chunk of learners and the list of course runs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.backfill import BackfillRun
from percipio_openedx.models.notice import Notice, Reason
from percipio_openedx.observation.courses import CourseBook
from percipio_openedx.operations.scope import Enrolled, Scope
from percipio_openedx.reporting import peek
from percipio_openedx.reporting.look import look

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


@dataclass(slots=True)
class Outcome:
    """How a run ended: where it stands, and the courses that the platform could not be asked about."""

    run: BackfillRun
    is_finished: bool = False
    troubled: list[str] = field(default_factory=list)


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
        on_looked: Callable[[int], object] = int,
    ) -> None:
        self._scope, self._run, self._pause, self._rate = scope, run, pause, rate
        self._on_looked = on_looked
        self._sites = Sites()
        self._size = AT_ONCE if rate is None else max(1, min(AT_ONCE, int(rate)))
        self.outcome = Outcome(run)

    def courses(self) -> dict[str, int]:
        """The course runs that are left, of sites that report, with their numbers of enrollments."""
        found = self._scope.courses(self._sites.site_of)
        return {
            key: count
            for key, count in found.items()
            if key >= self._run.course_key and self._sites.configuration(key) is not None
        }

    def work(self, courses: dict[str, int]) -> Outcome:
        """Look at all of them, until the end or until asked to stop."""
        for course_key in courses:
            if course_key != self._run.course_key:
                self._run.course_key, self._run.enrollment_id = course_key, 0
            try:
                self._course(course_key)
            except PlatformUnavailable as error:
                self._trouble(course_key, error)
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
            chosen = self._scope.learners(course_key, rows)
            settled = self._settled(configuration, courses.get(course_key), rows, chosen)
            for start in range(0, len(rows), self._size):
                if self._pause.is_asked():
                    return
                part = rows[start : start + self._size]
                began = time.monotonic()
                user_ids = [user_id for _, user_id, _ in part if user_id in chosen]
                self._look(configuration, course_key, courses, [one for one in user_ids if one not in settled])
                self._run.looked += sum(1 for one in user_ids if one in settled)
                self._run.enrollment_id = part[-1][0]
                self._run.save()
                self._on_looked(len(part))
                # A loop that is no task sees yesterday's truth otherwise.
                edx_platform.forget_request()
                if self._rate is not None:
                    self._pause.wait(len(user_ids) / self._rate - (time.monotonic() - began))

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
        return peek.settled(configuration, course, enrolled)

    def _look(self, configuration: Configuration, course_key: str, courses: CourseBook, user_ids: list[int]) -> None:
        if not user_ids:
            return
        looked = look(configuration, course_key, courses.get(course_key), user_ids, timezone.now())
        self._run.looked += looked.looked
        self._run.statements += looked.statements
        self._run.held += looked.held
        # Somebody else looks at them at this moment; a worker comes back to them.
        now = timezone.now()
        Notice.objects.bulk_create(
            Notice(user_id=user_id, course_key=course_key, reason=Reason.BACKFILL, noticed_at=now)
            for user_id in sorted(looked.busy)
        )

    def _trouble(self, course_key: str, error: PlatformUnavailable) -> None:
        logger.warning("backfill left a course out course=%s problem=%s", course_key, error)
        self._run.troubled += 1
        self._run.save()
        if len(self.outcome.troubled) < NAMED:
            self.outcome.troubled.append(course_key)
