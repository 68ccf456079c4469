"""Backfill history: every learner ever enrolled, course by course, at the operator's pace.

A run is carried out by the command that began it, or by the workers (``BackfillRun.by_workers``) in their passes.
Whoever stops a run takes its lease away; whoever held it notices after the current chunk.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from django.db import Error
from django.db.models import Q
from django.utils import timezone

from percipio_openedx.bulkheads import Boundary, bulkhead, is_outage
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.models.statement import unleased
from percipio_openedx.operations.scope import Scope, Sites
from percipio_openedx.operations.walk import AT_ONCE_IN_A_PASS, Limit, Walk, Walked

logger = logging.getLogger(__name__)

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
        return self._claim(unleased(timezone.now()) & Q(by_workers=True, finished_at=None))


def enrollments_in(scope: Scope) -> int:
    """Return the number of enrollments in scope at sites that report; counts the whole table once."""
    return sum(Sites().courses(scope)[0].values())


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
            with bulkhead(Boundary.STEP) as contained:
                if _part(run, limit, done):
                    continue
            if contained.error is not None:
                _note_problem(run, contained.error, contained.reason, done)
                later += AFTER_PROBLEM
        done.next_at = later if done.next_at is None else min(done.next_at, later)
    if done.statements:
        # To be delivered by the next pass.
        done.next_at = timezone.now()
    return done


def _part(run: BackfillRun, limit: Limit, done: Walked) -> bool:
    """Carry on with one run; return whether there is nothing left to do for this worker."""
    work = WorkersBackfill(Scope.read(run.scope), run, limit, size=AT_ONCE_IN_A_PASS, on_walked=limit.count)
    try:
        # Another worker has it, or an operator has stopped it.
        is_done = work.work() or work.is_taken
        if run.problem:
            BackfillRun.objects.filter(pk=run.pk).update(problem="")
        return is_done
    finally:
        done.add(work.part)


def _note_problem(run: BackfillRun, error: Exception, reason: str, done: Walked) -> None:
    logger.warning("backfill waits run=%s problem=%s", run.pk, reason)
    if not (isinstance(error, PercipioConfigurationError) or is_outage(error)):
        done.broken = reason
    with suppress(Error):
        BackfillRun.objects.filter(pk=run.pk, finished_at=None).update(problem=reason)
