"""Try learners again whom Percipio did not know: an operator's decision, after they were added there."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from percipio_openedx.db import persistently
from percipio_openedx.models.statement import StatementQuerySet
from percipio_openedx.models.unknown_learner import UnknownLearner, UnknownLearnerQuerySet

AT_ONCE = 100


def try_again(
    rows: UnknownLearnerQuerySet, is_over: Callable[[], bool], on_done: Callable[[int], object] = int
) -> tuple[int, int]:
    """End the holds on these learners, requeue what was refused of them, and have their courses observed.

    ``is_over`` is checked between batches, ``on_done`` called with the learners of each.

    Returns:
        The number of learners, and of requeued statements.
    """
    learners = statements = last = 0
    found = rows.order_by("pk").values_list("pk", flat=True)
    while not is_over() and (pks := list(found.filter(pk__gt=last)[:AT_ONCE])):
        last = pks[-1]
        release = UnknownLearner.objects.filter(pk__in=pks).release
        statements += persistently(release)(timezone.now(), as_it_is=True)
        learners += len(pks)
        on_done(len(pks))
    return learners, statements


def end_holds(statements: StatementQuerySet) -> None:
    """End the holds on the learners of these statements, which an operator requeues: that is to try again."""
    pairs = set(statements.values_list("destination_id", "learner_course__user_id"))
    rows = UnknownLearner.objects.filter(user_id__in={user_id for _, user_id in pairs})
    held = [row.pk for row in rows if (row.destination_id, row.user_id) in pairs]
    if held:
        persistently(UnknownLearner.objects.filter(pk__in=held).forget)(timezone.now())
