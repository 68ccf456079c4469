"""Prune old rows, and erase what is left of retired learners.

Works in batches by primary key, so that nothing waits for it. The reported state (``LearnerCourse``) stays, so nothing
is reported twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from django.db.models import Max, Model, QuerySet
from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, bulkhead
from percipio_openedx.db import pages
from percipio_openedx.models.destination import DeliveryAttempt, PullAudit
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.operations import BackfillRun, ErasureRequest
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.reporting import retirement

logger = logging.getLogger(__name__)

AT_ONCE = 1000
SETTLED = (State.DELIVERED, State.SKIPPED, State.DISCARDED)

# What is counted: rows of each kind, then erased learners.
PRUNED = ("statements", "parked", "attempts", "pulls", "backfills", "erasures", "retired")


def cutoffs() -> dict[str, datetime]:
    """Return before when rows are pruned, by the setting; None of those kept for ever.

    Raises ``PercipioConfigurationError``.
    """
    days = {what: config.retention_days(what) for what in ("", "PARKED", "LOG")}
    return {what: timezone.now() - timedelta(days=count) for what, count in days.items() if count}


class Prune:
    """One pruning of what is older than ``cutoffs`` say; safe to stop between batches.

    ``is_over`` is checked between batches, ``on_gone`` called with the rows of each; ``dry_run`` only counts.
    """

    def __init__(
        self,
        before: Mapping[str, datetime],
        is_over: Callable[[], bool],
        on_gone: Callable[[int], object] = int,
        dry_run: bool = False,
    ) -> None:
        self._before, self._is_over, self._on_gone, self._dry_run = before, is_over, on_gone, dry_run
        self.counts = dict.fromkeys(PRUNED, 0)
        # Retired learners who could not be erased: user id to reason.
        self.unerased: dict[int, str] = {}

    def run(self) -> dict[str, int]:
        """Prune, and return the number of rows of each kind deleted (or, in a dry run, to delete).

        Raises ``PlatformUnavailable`` if the LMS could not tell who is retired; everything else is done by then.
        """
        counts = self.counts
        if before := self._before.get(""):
            counts["statements"] = self._statements(SETTLED, before)
        if before := self._before.get("PARKED"):
            counts["parked"] = self._statements((State.PARKED,), before)
        if before := self._before.get("LOG"):
            counts["attempts"] = self._rows(_attempts(before))
            counts["pulls"] = self._rows(PullAudit.objects.filter(at__lt=before))
            counts["backfills"] = self._rows(BackfillRun.objects.filter(finished_at__lt=before))
            counts["erasures"] = self._rows(ErasureRequest.objects.filter(done_at__lt=before))
        if self._dry_run and not self._is_over():
            counts["retired"] = count_retired()
        elif not self._is_over():
            counts["retired"] = erase_retired(self.unerased)
        return counts

    def _statements(self, states: tuple[State, ...], before: datetime) -> int:
        """Read by id, which is roughly by age, up to the first page of young rows."""
        gone = 0
        for rows in pages(
            Statement.objects.all(), "state", "stored_at", "settled_at", size=AT_ONCE, is_over=self._is_over
        ):
            if all(stored_at >= before for _, _, stored_at, _ in rows):
                break
            old = [pk for pk, state, _, settled in rows if state in states and settled is not None and settled < before]
            gone += self._delete(Statement, old, state__in=states)
        return gone

    def _rows(self, rows: QuerySet[Model]) -> int:
        found = pages(rows, size=AT_ONCE, is_over=self._is_over)
        return sum(self._delete(rows.model, [pk for (pk,) in page]) for page in found)

    def _delete(self, model: type[Model], pks: list[int], **still: object) -> int:
        """Delete rows unchanged since they were read: one may have been requeued."""
        if not pks or self._dry_run:
            return len(pks)
        deleted, _ = model._default_manager.filter(pk__in=pks, **still).delete()
        self._on_gone(deleted)
        return deleted


def _attempts(before: datetime) -> QuerySet[DeliveryAttempt]:
    """Return old attempts except each destination's last per API, which ``percipio_reconcile`` needs."""
    newest = DeliveryAttempt.objects.order_by().values_list("destination_id", "api").annotate(Max("pk"))
    return DeliveryAttempt.objects.filter(started_at__lt=before).exclude(pk__in=[pk for _, _, pk in newest])


# --- retired learners ------------------------------------------------------------------------------------------------


def count_retired() -> int:
    """Return how many retired learners still have statements here, or raise ``PlatformUnavailable``."""
    return sum(1 for _ in _retired())


def erase_retired(failed: dict[int, str]) -> int:
    """Erase retired learners whose notice was lost; return their number. Adds failures to ``failed``."""
    erased = 0
    for user_id in _retired():
        with bulkhead(Boundary.LEARNER) as contained:
            retirement.erase(user_id)
        if contained.error is None:
            erased += 1
        else:
            logger.error("learner not erased user=%s problem=%s", user_id, contained.reason)
            failed[user_id] = contained.reason
    return erased


def _retired() -> Iterator[int]:
    last = 0
    names = config.retired_names()
    while retired := edx_platform.retired_accounts(names, last, AT_ONCE):
        last = retired[-1]
        rows = LearnerCourse.objects.filter(user_id__in=retired, sequence__gt=0).order_by()
        yield from sorted(edx_platform.retired_for_good(names, rows.values_list("user_id", flat=True).distinct()))


# --- erasure requests ------------------------------------------------------------------------------------------------


def open_erasures() -> QuerySet[ErasureRequest]:
    """Return the erasure requests still to be sent to Skillsoft, oldest first."""
    return ErasureRequest.objects.filter(done_at__isnull=True).order_by("pk")


def tick_off(pks: Iterable[int]) -> list[ErasureRequest]:
    """Mark requests as erased by Skillsoft; return those open until now. Unknown ids are ignored."""
    rows = list(open_erasures().filter(pk__in=list(pks)))
    open_erasures().filter(pk__in=[row.pk for row in rows]).update(done_at=timezone.now())
    return rows
