"""The platform's decorator that keeps a function's answer for the rest of the request, and how it packs structures."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from edx_django_utils.cache import RequestCache

P = ParamSpec("P")
R = TypeVar("R")


def request_cached(namespace: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Answer the same call from the request cache.

    The key is made of the arguments' text (a user's is the username), so a change in the database does not
    show before the cache is cleared: at the end of the request, or of the task.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def answer(*args: P.args, **kwargs: P.kwargs) -> R:
            parts = [function.__module__, function.__name__, *map(str, args)]
            parts += [f"{name}={value}" for name, value in sorted(kwargs.items())]
            key = ".".join(parts)
            cache = RequestCache(namespace)
            cached = cache.get_cached_response(key)
            if cached.is_found:
                found: R = cached.value
                return found
            result = function(*args, **kwargs)
            cache.set(key, result)
            return result

        return answer

    return decorate


def zpickle(data: object) -> bytes:
    """As the platform keeps a collected structure."""
    return zlib.compress(pickle.dumps(data, 4))


def zunpickle(data: bytes) -> object:
    """What was kept; of the demo's own database only."""
    return pickle.loads(zlib.decompress(data))  # noqa: S301
