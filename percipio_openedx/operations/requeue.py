"""Requeue settled statements under their own ids, after a fix or by an operator's decision.

What Percipio may have is resent as it is; what it refused is rebuilt, so that the fix takes effect (decision record
0017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db.models import Q
from django.utils import timezone

from percipio_openedx.delivery import breaker, claim
from percipio_openedx.delivery.claim import recover
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import OPEN_STATES, Statement, StatementQuerySet
from percipio_openedx.operations.unknown_learners import end_holds
from percipio_openedx.reporting import rebuild

AT_ONCE = 500


def requeue(rows: StatementQuerySet, is_over: Callable[[], bool], on_done: Callable[[int], object] = int) -> int:
    """Requeue the settled ones of these, in batches by id; return their number.

    ``is_over`` is checked between batches, ``on_done`` called with the size of each; batches done stay queued.
    """
    now, last, queued = timezone.now(), 0, 0
    settled = rows.exclude(state__in=OPEN_STATES).order_by("pk").values_list("pk", flat=True)
    while not is_over() and (pks := list(settled.filter(pk__gt=last)[:AT_ONCE])):
        last = pks[-1]
        end_holds(Statement.objects.filter(pk__in=pks))
        done = Statement.objects.filter(pk__in=pks).requeue(now)
        queued += done
        on_done(done)
    return queued


def try_now(site_id: int | None) -> Sequence[Destination]:
    """Retry and return every waiting destination now; also whatever a fast clock or a failed rebuild delayed."""
    now = timezone.now()
    rows = Destination.objects.filter(Q(retry_at__gt=now) | Q(failures__gt=0, probe_until__gt=now)).order_by("pk")
    found = list(rows if site_id is None else rows.filter(site_id=site_id))
    claim.correct_times(now)
    recover(now)
    rebuild.try_now(site_id, now)
    for row in found:
        breaker.try_now(row, timezone.now())
    return found
