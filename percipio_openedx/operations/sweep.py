"""Sweep: compare what was observed with the LMS again and again, so that what no notice told is reported all the same.

Signals get lost, rows are written without one, a site is off for a week. One row for each site that reports
(``models.operations.Sweep``) says how far its round is. Swept are learners in courses that have been observed before,
and those with an act since the plugin first observed the site: what is older is a back-fill's, which an operator asks
for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.bulkheads import Boundary, apart
from percipio_openedx.models.learner_course import LearnerCourse, Reason
from percipio_openedx.models.operations import Sweep
from percipio_openedx.models.statement import Statement
from percipio_openedx.operations import sites
from percipio_openedx.operations.scope import Enrolled, Limit, Scope
from percipio_openedx.operations.walk import AT_ONCE_IN_A_PASS, Walk, Walked

# Seconds and enrollments of one pass, and the time until the next part: less than a tenth of one worker, and a million
# enrollments of whom nothing is new in about an hour.
SECONDS = 5.0
MOST = 20_000
PACE = timedelta(minutes=1)
# From the start of a round to the start of the next: what a signal lost is reported within a day.
ROUND_EVERY = timedelta(days=1)


class SweepWalk(Walk):
    """One round of a site, or the rest of it."""

    run: Sweep
    reason = Reason.SWEEP
    # The expensive progress only where something changed.
    again = False

    def claim(self) -> bool:
        """Take the lease, and begin a round if the last one is over; False if nothing is due."""
        if not super().claim():
            return False
        if not is_due(self.run, timezone.now()):
            self._store(lease=None, leased_until=None)
            return False
        run = self.run
        if run.finished_at is not None or run.started_at is None:
            run.started_at, run.finished_at, run.course_key = timezone.now(), None, ""
            run.enrollment_id = run.enrollments_done = run.observed = run.statements = run.held = run.failed_courses = 0
            self._store(started_at=run.started_at, finished_at=None)
        return True

    def finish(self, **values: object) -> bool:
        """Everything up to the start of this round has been compared."""
        return super().finish(compared_until=self.run.started_at, **values)

    def chosen(self, course_key: str, rows: list[Enrolled]) -> set[int]:
        """Return those observed before, and those with an act since the site was first observed.

        Whose acts cannot be read is left to the next round: observing them might report history that nobody asked for.
        """
        user_ids = [user_id for _pk, user_id, _at in rows]
        known = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
        chosen = set(known.values_list("user_id", flat=True))
        others = [row for row in rows if row[1] not in chosen]
        parts, _unknown = apart(Boundary.LEARNER, others, lambda part: self._scope.learners(course_key, part))
        return chosen.union(*parts)


def is_due(row: Sweep, now: datetime) -> bool:
    """Return whether a round is unfinished, or the next may begin; also where a time is ahead of the clock."""
    if row.started_at is None or row.finished_at is None:
        return True
    return not now - ROUND_EVERY < row.started_at <= now


def sweep_due(seconds: float | None = None, reporting: Callable[[], Iterable[int]] = sites.reporting) -> Walked:
    """Sweep a part of what is due, for at most ``seconds``; nothing where ``PERCIPIO_SWEEP`` is off.

    ``reporting`` says which sites report.
    """
    done = Walked()
    if not config.sweeps():
        return done
    limit = Limit(time.monotonic() + min(SECONDS, SECONDS if seconds is None else seconds), MOST)
    rows = _rows(sorted(reporting()), timezone.now())
    # In random order, so that no site waits for a larger one.
    for row in random.sample(rows, len(rows)):
        if is_due(row, timezone.now()) and not limit.is_set():
            scope = Scope(site_id=row.site_id, since=row.since)
            done.walk_on(SweepWalk(scope, row, limit, size=AT_ONCE_IN_A_PASS, on_walked=limit.count))
    now = timezone.now()
    done.next_at = min((_next_at(row, now) for row in rows), default=None)
    if done.statements:
        # To be delivered by the next pass.
        done.next_at = now
    return done


def _next_at(row: Sweep, now: datetime) -> datetime:
    if row.started_at is None or is_due(row, now):
        return now + PACE
    return row.started_at + ROUND_EVERY


def _rows(site_ids: list[int], now: datetime) -> list[Sweep]:
    """Return the rows of these sites, made at their first sweep."""
    known = {row.site_id: row for row in Sweep.objects.filter(site_id__in=site_ids)}
    for site_id in site_ids:
        if site_id not in known:
            known[site_id] = Sweep.objects.get_or_create(site_id=site_id, defaults={"since": _since(site_id, now)})[0]
    return [known[site_id] for site_id in site_ids]


def _since(site_id: int, now: datetime) -> datetime:
    """Return when the plugin first observed a site: when its first statement was stored, else now."""
    # The index of standing statements answers it at once.
    of_site = Statement.objects.filter(site_id=site_id, voided_by=None)
    first: datetime | None = of_site.aggregate(at=Min("stored_at"))["at"]
    return now if first is None else min(first, now)


def described(sweep: Sweep | None) -> str:
    """Return up to when a site is compared with the LMS, and how far the round in progress is."""
    if sweep is None:
        return _("not yet; the first pass of a worker begins")
    said = [_("not once yet as a whole")]
    if sweep.compared_until is not None:
        said = [_("everything up to %(at)s") % {"at": f"{sweep.compared_until:%Y-%m-%d %H:%M} UTC"}]
    if sweep.started_at is not None and sweep.finished_at is None:
        text = ngettext(
            "a round is under way: %(count)s enrollment so far, at %(course)s",
            "a round is under way: %(count)s enrollments so far, at %(course)s",
            sweep.enrollments_done,
        )
        said.append(text % {"count": sweep.enrollments_done, "course": sweep.course_key or "-"})
    return "; ".join(said)
