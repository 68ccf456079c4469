"""Telling a worker that there is something to look at: after the commit, at most once a window, at nobody's cost.

The row is the truth and the message only saves time, so a message may be lost but never waited for. Cache and broker
are spoken to in a thread of their own: a broker that refuses or hangs costs a request the start of one thread, and only
once a minute. The same thread looks now and then whether anybody comes at all (``watch``).
"""

from __future__ import annotations

import atexit
import os
import threading
import time

from django.db import router, transaction

from percipio_openedx import config, tasks
from percipio_openedx.capture import watch
from percipio_openedx.capture.boundary import contained
from percipio_openedx.models.notice import Notice

WOKEN_KEY = "percipio_openedx:woken"

# Seconds until this process tries again after a wake failed, or hangs.
PAUSE_AFTER_FAILURE = 60.0

# Seconds that a process which ends waits for its last wake to go out.
FAREWELL = 2.0


def on_commit() -> None:
    """Wake a worker once the caller's transaction has committed; never, if it rolls back.

    ``robust``, because an exception in such a callback would otherwise become the learner's error page.
    """
    transaction.on_commit(_waker.wake, using=router.db_for_write(Notice), robust=True)


def delay() -> int:
    """Seconds from a notice to the run that is called for it; at least 2, so that the window below can be shorter.

    Where acts are gathered for longer than a run may be called ahead, that run finds nothing due yet and calls the
    next one, and so on.
    """
    return min(max(2, config.gathering()), tasks.LONGEST_COUNTDOWN)


def window() -> int:
    """Seconds during which one wake is enough.

    Shorter than ``delay``: whoever finds that somebody else has called has committed before that call's run reads.
    """
    return max(1, delay() * 9 // 10)


def wait(seconds: float) -> None:
    """Wait until the wake that is under way has gone out, or for ``seconds``."""
    _waker.wait(seconds)


def rest() -> None:
    """Forget what this process remembers of its last wake (after a fork, between tests)."""
    _waker.forget()
    watch.forget()


class _Waker:
    """This process's memory of its last wake."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._process = os.getpid()
        self._quiet_until = 0.0
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        if config.is_eager():
            # The "worker" would be the learner's own request. Development runs `percipio_run --loop` instead.
            return
        with self._lock:
            if self._process != os.getpid():
                self.forget()
            now = time.monotonic()
            if now < self._quiet_until:
                return
            if self._thread is not None and self._thread.is_alive():
                self._quiet_until = now + PAUSE_AFTER_FAILURE
                return
            self._quiet_until = now + window()
            self._thread = threading.Thread(target=self._publish, name="percipio-wake", daemon=True)
            self._thread.start()

    def _publish(self) -> None:
        if not contained("wake", lambda: tasks.publish_first(WOKEN_KEY, window(), countdown=delay())):
            with self._lock:
                self._quiet_until = time.monotonic() + PAUSE_AFTER_FAILURE
        contained("watch", watch.check)

    def wait(self, seconds: float) -> None:
        thread = self._thread
        if thread is not None and self._process == os.getpid():
            thread.join(seconds)


_waker = _Waker()
atexit.register(_waker.wait, FAREWELL)
