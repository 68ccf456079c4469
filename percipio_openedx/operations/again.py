"""Sending again what is settled, under its own id: after a mend, or by an operator's decision.

What Percipio may have goes as it is; what it refused is built anew, so that the mend counts (decision record 0017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from percipio_openedx.delivery import breaker, misdated
from percipio_openedx.delivery.claim import recover
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import OPEN_STATES, State, Statement, StatementQuerySet
from percipio_openedx.reporting import rebuild

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """Which statements. With ``uuids`` exactly those, whatever their state; else by state.

    ``status`` is the HTTP status of the last answer, ``organization`` a Percipio organization; None means any.
    """

    states: tuple[State, ...] = ()
    uuids: tuple[UUID, ...] = ()
    site_id: int | None = None
    organization: str | None = None
    status: int | None = None

    def rows(self) -> StatementQuerySet:
        """The settled statements that are meant."""
        rows = Statement.objects.exclude(state__in=OPEN_STATES)
        rows = rows.filter(uuid__in=self.uuids) if self.uuids else rows.filter(state__in=self.states)
        if self.site_id is not None:
            rows = rows.filter(site_id=self.site_id)
        if self.organization is not None:
            rows = rows.filter(destination__organization=self.organization)
        return rows if self.status is None else rows.filter(status=self.status)


def requeue(choice: Choice, is_over: Callable[[], bool], on_done: Callable[[int], object] = int) -> int:
    """Queue them, batch by batch in the order of their ids; the number that is queued.

    Arguments:
        choice: which.
        is_over: asked between two batches; what is queued by then stays queued.
        on_done: called with the number of each batch.
    """
    now, last, queued = timezone.now(), 0, 0
    while not is_over():
        pks = list(choice.rows().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        if not pks:
            break
        last = pks[-1]
        done = Statement.objects.filter(pk__in=pks).requeue(now)
        queued += done
        on_done(done)
    return queued


def try_now(site_id: int | None) -> Sequence[Destination]:
    """Let every destination that waits be tried at once, without waiting for its own time; those destinations.

    What a clock that was ahead has put off is due now, too, and so is what could not be built anew.
    """
    now = timezone.now()
    waits = Q(retry_at__gt=now) | Q(failures__gt=0, probe_until__gt=now)
    rows = Destination.objects.filter(waits).order_by("pk")
    found = list(rows if site_id is None else rows.filter(site_id=site_id))
    misdated.correct(now)
    recover(now)
    rebuild.try_now(site_id, now)
    for row in found:
        breaker.try_now(row, timezone.now())
    return found
