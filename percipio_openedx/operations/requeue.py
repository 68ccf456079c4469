"""Requeue settled statements under their own ids, after a fix or by an operator's decision.

What Percipio may have is resent as it is; what it refused is rebuilt, so that the fix takes effect (decision record
0017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db.models import Q
from django.utils import timezone

from percipio_openedx.db import pages, persistently
from percipio_openedx.delivery import breaker, claim
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import OPEN_STATES, Statement, StatementQuerySet
from percipio_openedx.models.unknown_learner import UnknownLearner, UnknownLearnerQuerySet
from percipio_openedx.reporting import rebuild

AT_ONCE = 500
LEARNERS_AT_ONCE = 100


def requeue(rows: StatementQuerySet, is_over: Callable[[], bool], on_done: Callable[[int], object] = int) -> int:
    """Requeue the settled ones of these, in batches by id; return their number.

    ``is_over`` is checked between batches, ``on_done`` called with the size of each; batches done stay queued.
    """
    now, queued = timezone.now(), 0
    for page in pages(rows.exclude(state__in=OPEN_STATES), size=AT_ONCE, is_over=is_over):
        chosen = Statement.objects.filter(pk__in=[pk for (pk,) in page])
        end_holds(chosen)
        done = chosen.requeue(now)
        queued += done
        on_done(done)
    return queued


def try_now(site_id: int | None) -> Sequence[Destination]:
    """Retry and return every waiting destination now; also whatever a fast clock or a failed rebuild delayed."""
    now = timezone.now()
    rows = Destination.objects.filter(Q(retry_at__gt=now) | Q(failures__gt=0, probe_until__gt=now)).order_by("pk")
    found = list(rows if site_id is None else rows.filter(site_id=site_id))
    claim.correct_times(now)
    claim.recover(now)
    rebuild.try_now(site_id, now)
    for row in found:
        breaker.try_now(row, timezone.now())
    return found


def try_again(rows: UnknownLearnerQuerySet, is_over: Callable[[], bool]) -> tuple[int, int]:
    """Try learners again whom Percipio did not know: requeue what was refused, and have their courses observed.

    ``is_over`` is checked between batches. Returns the number of learners, and of requeued statements.
    """
    learners = statements = 0
    for page in pages(rows, size=LEARNERS_AT_ONCE, is_over=is_over):
        release = UnknownLearner.objects.filter(pk__in=[pk for (pk,) in page]).release
        statements += persistently(release)(timezone.now(), as_it_is=True)
        learners += len(page)
    return learners, statements


def end_holds(statements: StatementQuerySet) -> None:
    """End the holds on the learners of these statements, which an operator requeues: that is to try again."""
    pairs = set(statements.values_list("destination_id", "learner_course__user_id"))
    rows = UnknownLearner.objects.filter(user_id__in={user_id for _, user_id in pairs})
    held = [row.pk for row in rows if (row.destination_id, row.user_id) in pairs]
    if held:
        persistently(UnknownLearner.objects.filter(pk__in=held).forget)(timezone.now())
