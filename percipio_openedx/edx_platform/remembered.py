"""What was worked out of the platform, remembered in the process and in Django's cache, for a while."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from typing import Generic, TypeVar, cast

from django.core.cache import cache

from percipio_openedx import __version__
from percipio_openedx.edx_platform.door import platform
from percipio_openedx.exceptions import PlatformUnavailable

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by a text that names everything they depend on.

    Arguments:
        name: in the key of the cache, with the plugin's version, since another one may keep another form.
        seconds: for how long at most.
        most: how many in the process; the one used longest ago goes first.
    """

    def __init__(self, name: str, seconds: int, most: int) -> None:
        self._name, self._seconds, self._most = name, seconds, most
        self._here: OrderedDict[str, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, text: str) -> Value | None:
        """Return the value, None if it is not known any more. A cache that does not answer knows nothing."""
        key = self._key(text)
        with self._lock:
            until, value = self._here.get(key, (0.0, None))
            if value is not None and time.monotonic() < until:
                self._here.move_to_end(key)
                return value
            self._here.pop(key, None)
        found: tuple[float, Value] | None = None
        with suppress(PlatformUnavailable), platform("cache"):
            found = cast("tuple[float, Value] | None", cache.get(key))
        if found is None:
            return None
        # Kept here for the rest of its time only, by the clock that the machines share.
        left = min(float(self._seconds), found[0] - time.time())
        if left <= 0:
            return None
        self._keep(key, found[1], left)
        return found[1]

    def set(self, text: str, value: Value) -> None:
        """Remember a value."""
        key = self._key(text)
        self._keep(key, value, float(self._seconds))
        with suppress(PlatformUnavailable), platform("cache"):
            cache.set(key, (time.time() + self._seconds, value), timeout=self._seconds)

    def forget(self) -> None:
        """Forget what is kept in this process."""
        with self._lock:
            self._here.clear()

    def _keep(self, key: str, value: Value, seconds: float) -> None:
        with self._lock:
            self._here[key] = time.monotonic() + seconds, value
            self._here.move_to_end(key)
            while len(self._here) > self._most:
                self._here.popitem(last=False)

    def _key(self, text: str) -> str:
        return f"percipio:{self._name}:{__version__}:{hashlib.sha256(text.encode()).hexdigest()}"
