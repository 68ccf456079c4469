"""What the completion aggregator (``openedx-completion-aggregator``) counted: one row for a learner and course run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.apps import apps

from percipio_openedx.data import Progress
from percipio_openedx.edx_platform.door import parsed, platform


class Aggregated(NamedTuple):
    """The progress in completable blocks (not units), of the learner's completions up to ``last_modified``."""

    progress: Progress
    last_modified: datetime

    @property
    def version(self) -> str:
        """Return a text that changes with the row, and is no version of the platform's own progress."""
        done, others, _locked = self.progress
        return f"aggregator {self.last_modified.timestamp():.6f} {done}/{done + others}"


def has_aggregator() -> bool:
    """Whether the LMS has the completion aggregator among its apps."""
    return apps.is_installed("completion_aggregator")


@platform("completion_aggregator.models.Aggregator")
def aggregated(course_key: str, user_ids: Iterable[int]) -> dict[int, Aggregated]:
    """Return what was counted, by learner. One query.

    Blocks that are complete in part count in part (``core.AggregationUpdater``); the sum is rounded down here, so that
    nothing is complete too early. Who has no row was never counted and is absent, and so is who has nothing to complete
    (``possible`` 0), whom the aggregator takes for complete.
    """
    from completion_aggregator.models import Aggregator

    rows = Aggregator.objects.filter(
        user_id__in=list(user_ids), aggregation_name="course", course_key=parsed(course_key), possible__gt=0
    ).order_by()
    found = {}
    for user_id, earned, possible, last_modified in rows.values_list("user_id", "earned", "possible", "last_modified"):
        done = int(earned)
        found[user_id] = Aggregated(Progress(done, max(0, int(possible) - done)), last_modified)
    return found
