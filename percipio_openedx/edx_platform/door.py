"""How every other module here reaches edx-platform: what a release lacks, or fails at, is ``PlatformUnavailable``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from celery.exceptions import SoftTimeLimitExceeded
from edx_django_utils.cache import RequestCache
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.exceptions import PercipioError, PlatformUnavailable


def parsed(course_key: str) -> CourseKey:
    """The platform's own key object of a course run.

    Raises:
        PlatformUnavailable: the text is no course key.
    """
    with platform("course key"):
        try:
            return CourseKey.from_string(course_key)
        except InvalidKeyError:
            raise PlatformUnavailable("course key", "cannot be read") from None


def org_of(course_key: str) -> str:
    """The organisation part of a course run's key.

    Raises:
        PlatformUnavailable: the text is no course key.
    """
    return parsed(course_key).org or ""


def number_of(course_key: str) -> str:
    """The part of a course run's key that all runs of the course share, beside the organization.

    Raises:
        PlatformUnavailable: the text is no course key.
    """
    return parsed(course_key).course or ""


def forget_request() -> None:
    """Clear the per-request caches, or a loop sees yesterday's truth (the platform clears them only after a task)."""
    RequestCache.clear_all_namespaces()


@contextmanager
def platform(name: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Make ``PlatformUnavailable`` of anything that the platform raises; also a decorator of a whole function.

    The bulkhead around reading the platform: its exceptions, those of XBlocks and of the course store derive from
    ``Exception`` alone, and a course can hold anything. A worker's time limit is no failure of the platform: it passes.

    Arguments:
        name: which of its functions or models is read, for the operator.
        passing: exceptions by which the platform answers, and which the caller knows.
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
        # Its message may name people, so only its class goes on.
        raise PlatformUnavailable(name, f"failed with {type(error).__name__}") from error
