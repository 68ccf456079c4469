"""The completed share of a course run: the dear question, asked learner by learner."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import Progress
from percipio_openedx.edx_platform.door import forget_request, parsed, platform
from percipio_openedx.exceptions import PlatformUnavailable

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def learner_progress(course_key: str, user: User) -> Progress | None:
    """The units of a course run as the platform counts them for one learner: dear, 10 to 500 ms.

    Asked of ``calculate_progress_for_learner_in_course`` (Ulmo and later), else of the summary under it, else of the
    completion aggregator's row for the course. None where none of them knows.

    Raises:
        PlatformUnavailable: none of them knows, and one of them stumbled: it may know later. So it is where a course
            run, or a part of it, is not found: whoever asks has seen that there is such a course run.
    """
    key = parsed(course_key)
    failed: PlatformUnavailable | None = None
    for source in (_from_progress, _from_summary, _from_aggregator):
        try:
            progress = source(key, user)
        except PlatformUnavailable as error:
            failed = failed or error
            continue
        finally:
            forget_request()
        if progress is not None:
            return progress
    if failed is not None:
        raise failed
    return None


def _from_progress(key: CourseKey, user: User) -> Progress | None:
    with platform("course_home_api.progress.api.calculate_progress_for_learner_in_course"):
        try:
            from lms.djangoapps.course_home_api.progress.api import calculate_progress_for_learner_in_course as progress
        except ImportError:
            return None
        return _progress(progress(key, user))


def _from_summary(key: CourseKey, user: User) -> Progress | None:
    with platform("courseware.courses.get_course_blocks_completion_summary"):
        try:
            from lms.djangoapps.courseware.courses import get_course_blocks_completion_summary as summary
        except ImportError:
            return None
        return _progress(summary(key, user))


def _from_aggregator(key: CourseKey, user: User) -> Progress | None:
    with platform("completion_aggregator.models.Aggregator"):
        try:
            from completion_aggregator.models import Aggregator
        except (ImportError, RuntimeError):
            # Not there, or installed and not one of the LMS's apps.
            return None
        row = Aggregator.objects.filter(course_key=key, user=user, aggregation_name="course").first()
        if row is None or not row.possible:
            return None
        # Earned and possible are counted in blocks here: as a share they serve as units do.
        done = int(row.earned)
        return _plausible(Progress(complete=done, incomplete=max(0, int(row.possible) - done)))


def progress_sources() -> list[str]:
    """Which of the three sources of the share this LMS has, the preferred one first."""
    places = (
        ("lms.djangoapps.course_home_api.progress.api", "calculate_progress_for_learner_in_course"),
        ("lms.djangoapps.courseware.courses", "get_course_blocks_completion_summary"),
        ("completion_aggregator.models", "Aggregator"),
    )
    found = []
    for module, name in places:
        with suppress(PlatformUnavailable), platform(name):
            getattr(import_module(module), name)
            found.append(name)
    return found


def _progress(counts: Any) -> Progress | None:
    if not isinstance(counts, Mapping) or "complete_count" not in counts:
        return None
    progress = Progress(
        complete=int(counts["complete_count"]),
        incomplete=int(counts.get("incomplete_count", 0)),
        locked=int(counts.get("locked_count", 0)),
    )
    return _plausible(progress)


def _plausible(progress: Progress) -> Progress:
    if min(progress) < 0:
        raise ValueError("a number of units below zero")
    return progress
