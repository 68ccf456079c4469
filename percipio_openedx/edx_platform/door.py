"""How every other module here reaches edx-platform: what a release lacks, or fails at, is ``PlatformUnavailable``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from celery.exceptions import SoftTimeLimitExceeded
from edx_django_utils.cache import RequestCache
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.exceptions import PercipioError, PlatformUnavailable


@contextmanager
def platform(name: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Make ``PlatformUnavailable`` of anything that the platform raises; also a decorator of a whole function.

    The bulkhead around reading the platform: exceptions of edx-platform, XBlocks and the course store derive from
    ``Exception`` alone. A worker's time limit passes.

    Arguments:
        name: which of its functions or models is read, for the operator.
        passing: exceptions by which the platform answers.
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


def parsed(course_key: str) -> CourseKey:
    """Return the platform's own key of a course run.

    Raises:
        PlatformUnavailable: the text is no course key.
    """
    with platform("course key"):
        try:
            return CourseKey.from_string(course_key)
        except InvalidKeyError:
            raise PlatformUnavailable("course key", "cannot be read") from None


def org_of(course_key: str) -> str:
    """Return the organization in a course run's key (``parsed`` says what is raised)."""
    return parsed(course_key).org or ""


def number_of(course_key: str) -> str:
    """Return the course number in a course run's key, which all runs of a course share."""
    return parsed(course_key).course or ""


def forget_request() -> None:
    """Clear the per-request caches, or a loop sees old values (the platform clears them only after a task)."""
    RequestCache.clear_all_namespaces()
