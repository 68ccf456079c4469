"""The progress in a course run: computed by the platform learner by learner (10 to 500 ms), or by the aggregator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps

from percipio_openedx.data import Progress
from percipio_openedx.edx_platform.door import forget_request, parsed, platform
from percipio_openedx.exceptions import PlatformUnavailable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# The preferred one first: that of Ulmo and later, and the summary under it.
_SOURCES = (
    ("lms.djangoapps.course_home_api.progress.api", "calculate_progress_for_learner_in_course"),
    ("lms.djangoapps.courseware.courses", "get_course_blocks_completion_summary"),
)


def learner_progress(course_key: str, user: User) -> Progress | None:
    """Return one learner's units of a course run as the platform counts them; None if no source knows.

    Raises:
        PlatformUnavailable: no source knows and one failed, as for a missing part of the course run; a retry may
            succeed.
    """
    key = parsed(course_key)
    failed: PlatformUnavailable | None = None
    for module, name in _SOURCES:
        progress = None
        try:
            with platform(f"{module.removeprefix('lms.djangoapps.')}.{name}"):
                source = _imported(module, name)
                progress = None if source is None else _read(source(key, user))
        except PlatformUnavailable as error:
            failed = failed or error
        finally:
            forget_request()
        if progress is not None:
            return progress
    if failed is not None:
        raise failed
    return None


def progress_sources() -> list[str]:
    """Return which sources of the progress this LMS has, the preferred one first."""
    found = []
    for module, name in _SOURCES:
        with suppress(PlatformUnavailable), platform(name):
            if _imported(module, name) is not None:
                found.append(name)
    return found


def _imported(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name, None)
    except (ImportError, RuntimeError):
        # Missing, or installed without being one of the LMS's apps.
        return None


def _read(counts: Any) -> Progress | None:
    if not isinstance(counts, Mapping) or "complete_count" not in counts:
        return None
    found = Progress(
        complete=int(counts["complete_count"]),
        incomplete=int(counts.get("incomplete_count", 0)),
        locked=int(counts.get("locked_count", 0)),
    )
    if min(found) < 0:
        raise ValueError("a number of units below zero")
    return found


class Aggregated(NamedTuple):
    """The progress in completable blocks (not units), of the learner's completions up to ``last_modified``.

    It is that of ``openedx-completion-aggregator``, which has one row for a learner and course run.
    """

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
    """Return what the completion aggregator counted, by learner. One query.

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
