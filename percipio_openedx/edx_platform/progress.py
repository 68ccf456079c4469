"""The progress in a course run, which the platform computes learner by learner: 10 to 500 ms each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """Return one learner's units of a course run as the platform counts them; None if no source knows.

    The sources are ``calculate_progress_for_learner_in_course`` (Ulmo and later), and the summary under it.

    Raises:
        PlatformUnavailable: no source knows and one failed, as for a missing part of the course run; a retry may
            succeed.
    """
    key = parsed(course_key)
    failed: PlatformUnavailable | None = None
    for module, name, read in _SOURCES:
        progress = None
        try:
            with platform(f"{module.removeprefix('lms.djangoapps.')}.{name}"):
                source = _imported(module, name)
                progress = None if source is None else read(source, key, user)
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
    for module, name, _read in _SOURCES:
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


def _from_counts(progress: Callable[[CourseKey, User], Any], key: CourseKey, user: User) -> Progress | None:
    counts = progress(key, user)
    if not isinstance(counts, Mapping) or "complete_count" not in counts:
        return None
    return _plausible(
        Progress(
            complete=int(counts["complete_count"]),
            incomplete=int(counts.get("incomplete_count", 0)),
            locked=int(counts.get("locked_count", 0)),
        )
    )


def _plausible(progress: Progress) -> Progress:
    if min(progress) < 0:
        raise ValueError("a number of units below zero")
    return progress


_SOURCES: tuple[tuple[str, str, Callable[[Any, CourseKey, User], Progress | None]], ...] = (
    ("lms.djangoapps.course_home_api.progress.api", "calculate_progress_for_learner_in_course", _from_counts),
    ("lms.djangoapps.courseware.courses", "get_course_blocks_completion_summary", _from_counts),
)
