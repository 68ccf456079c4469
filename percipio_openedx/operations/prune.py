"""Forgetting what is old enough: batch by batch and by primary key, so that nobody waits for it.

What was *told* of a learner stays (``LearnerCourse``), so nothing is reported again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Model, QuerySet
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.models.destination import DeliveryAttempt, PullAudit
from percipio_openedx.models.operations import BackfillRun, ErasureRequest
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.operations import retired

AT_ONCE = 1000
SETTLED = (State.DELIVERED, State.SKIPPED, State.DISCARDED)

Step = Callable[[int], object]


@dataclass(slots=True)
class Pruned:
    """How many rows went, or would go; ``retired`` are learners, ``resumed`` courses of cancelled retirements."""

    statements: int = 0
    parked: int = 0
    attempts: int = 0
    pulls: int = 0
    backfills: int = 0
    erasures: int = 0
    retired: int = 0
    resumed: int = 0

    def plain(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Before when rows are forgotten; None where they stay for ever."""

    statements: datetime | None
    parked: datetime | None
    logs: datetime | None

    @classmethod
    def now(cls) -> Cutoffs:
        """As the settings say.

        Raises:
            PercipioConfigurationError: a setting is wrong.
        """
        return cls(_cutoff(""), _cutoff("PARKED"), _cutoff("LOG"))


class Prune:
    """One pruning; it may be left between any two batches.

    Arguments:
        cutoffs: what is old enough.
        is_over: asked between two batches.
        on_gone: called with the number of rows of each batch.
        dry_run: count, and delete nothing.
    """

    def __init__(
        self, cutoffs: Cutoffs, is_over: Callable[[], bool], on_gone: Step = int, *, dry_run: bool = False
    ) -> None:
        self._cutoffs, self._is_over, self._on_gone, self._dry_run = cutoffs, is_over, on_gone, dry_run
        # Retired learners who could not be erased, by user id with the reason.
        self.unerased: dict[int, str] = {}

    def run(self) -> Pruned:
        """Forget.

        Raises:
            PlatformUnavailable: the LMS could not be asked who is retired; everything else is done by then.
        """
        gone = Pruned()
        if self._cutoffs.statements is not None:
            gone.statements = self._statements(SETTLED, self._cutoffs.statements)
        if self._cutoffs.parked is not None:
            gone.parked = self._statements((State.PARKED,), self._cutoffs.parked)
        if self._cutoffs.logs is not None:
            gone.attempts = self._rows(_attempts(self._cutoffs.logs))
            gone.pulls = self._rows(PullAudit.objects.filter(at__lt=self._cutoffs.logs))
            gone.backfills = self._rows(BackfillRun.objects.filter(finished_at__lt=self._cutoffs.logs))
            gone.erasures = self._rows(ErasureRequest.objects.filter(done_at__lt=self._cutoffs.logs))
        if not self._is_over():
            if self._dry_run:
                gone.retired = retired.count()
            else:
                gone.retired = retired.erase_left(self.unerased)
                gone.resumed = retired.take_back()
        return gone

    def _statements(self, states: tuple[State, ...], before: datetime) -> int:
        """Read in the order of their ids, which is about that of their storing, up to the first page of young ones."""
        last = gone = 0
        while not self._is_over():
            page = Statement.objects.filter(pk__gt=last).order_by("pk")
            rows = list(page.values_list("pk", "state", "stored_at", "settled_at")[:AT_ONCE])
            if not rows or all(stored_at >= before for _, _, stored_at, _ in rows):
                break
            last = rows[-1][0]
            old = [pk for pk, state, _, settled in rows if state in states and settled is not None and settled < before]
            gone += self._delete(Statement, old, state__in=states)
        return gone

    def _rows(self, rows: QuerySet[Model]) -> int:
        gone = last = 0
        while not self._is_over():
            pks = list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
            if not pks:
                break
            last = pks[-1]
            gone += self._delete(rows.model, pks)
        return gone

    def _delete(self, model: type[Model], pks: list[int], **still: object) -> int:
        """Those that still are as they were read: somebody may have queued one again."""
        if not pks or self._dry_run:
            return len(pks)
        deleted, _ = model._default_manager.filter(pk__in=pks, **still).delete()
        self._on_gone(deleted)
        return deleted


def _attempts(before: datetime) -> QuerySet[DeliveryAttempt]:
    """But for each destination's last one of each API: ``percipio_reconcile`` asks for it."""
    return DeliveryAttempt.objects.filter(started_at__lt=before).exclude(pk__in=list(_last_attempts()))


def _last_attempts() -> Iterator[int]:
    newest = DeliveryAttempt.objects.order_by().values_list("destination_id", "api").annotate(Max("pk"))
    return (pk for _, _, pk in newest)


def _cutoff(what: str) -> datetime | None:
    days = config.retention_days(what)
    return timezone.now() - timedelta(days=days) if days else None
