"""How every other module here reaches edx-platform: what a release lacks, or fails at, is ``PlatformUnavailable``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edx_django_utils.cache import RequestCache
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.exceptions import PlatformUnavailable


def parsed(course_key: str) -> CourseKey:
    """The platform's own key object of a course run.

    Raises:
        PlatformUnavailable: the text is no course key.
    """
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


def forget_request() -> None:
    """Clear the per-request caches, or a loop sees yesterday's truth (the platform clears them only after a task)."""
    RequestCache.clear_all_namespaces()


@contextmanager
def platform(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise PlatformUnavailable(name) from None
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # What the platform was seen to raise: a model whose app is not installed, a course that is gone, a signature
        # that changed. Its message may name people, so only its class goes on.
        raise PlatformUnavailable(name, f"failed with {type(error).__name__}") from error
