"""The error boundary to edx-platform: what a release lacks, or fails at, is ``PlatformUnavailable``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from edx_django_utils.cache import RequestCache
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.exceptions import PercipioError, PlatformUnavailable


@contextmanager
def platform(name: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn anything that the platform raises into ``PlatformUnavailable``; also a decorator.

    The bulkhead around platform reads: exceptions of edx-platform, XBlocks and the course store derive from
    ``Exception`` alone. A worker's time limit passes, as do the exceptions in ``passing``, by which the platform
    answers.
    """
    try:
        yield
    except (PercipioError, SoftTimeLimitExceeded):
        raise
    except ImportError:
        raise PlatformUnavailable(name) from None
    except Exception as error:
        if isinstance(error, passing):
            raise
        # Its message may name people, so only its class is kept.
        raise PlatformUnavailable(name, f"failed with {type(error).__name__}") from error


def parsed(course_key: str) -> CourseKey:
    """Return the platform's own course key, or raise ``PlatformUnavailable`` if the text is none."""
    with platform("course key"):
        try:
            return CourseKey.from_string(course_key)
        except InvalidKeyError:
            raise PlatformUnavailable("course key", "cannot be read") from None


def stored_key(course_key: Any) -> str:
    """Return a course key's text as the LMS's tables hold it: without branch and version (``opaque_keys`` strips them).

    With them, one learner in one course run would be two here.
    """
    if getattr(course_key, "branch", None) or getattr(course_key, "version_guid", None):
        course_key = course_key.for_branch(None).version_agnostic()
    return str(course_key)


def org_of(course_key: str) -> str:
    """Return the organization in a course run's key; raises as ``parsed``."""
    return parsed(course_key).org or ""


def forget_request() -> None:
    """Clear the per-request caches, which the platform clears only after a task; a loop would see old values."""
    RequestCache.clear_all_namespaces()
