"""Call a worker: after the commit, at most once in a window, and without the learner waiting for it.

The row is the truth and the message only saves time, so a message may be lost but never waited for. Cache and broker
are spoken to in a thread of their own: a broker that refuses or hangs costs a request the start of one thread, and only
once a minute. The same thread sees now and then whether any worker comes at all: the one that would tell is the one
that may be missing.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time

from django.core.cache import cache
from django.db import connections, router, transaction
from django.utils import timezone

from percipio_openedx import config, tasks
from percipio_openedx.capture.notices import contained
from percipio_openedx.models.notice import Notice

logger = logging.getLogger(__name__)

WOKEN_KEY = "percipio_openedx:woken"
WATCHED_KEY = "percipio_openedx:watched"

# Seconds until this process tries again after a call failed, or hangs.
PAUSE_AFTER_FAILURE = 60.0
# Seconds that a process which ends waits for its last call to go out.
FAREWELL = 2.0
# Seconds between two checks of the whole LMS for notices that nobody takes up.
WATCH_EVERY = 600
# Seconds that a web process may use to compact them.
COMPACTING = 5.0


def on_commit() -> None:
    """Call a worker once the caller's transaction has committed; never, if it rolls back.

    ``robust``, because an exception in such a callback would otherwise become the learner's error page.
    """
    transaction.on_commit(waker.wake, using=router.db_for_write(Notice), robust=True)


def delay() -> int:
    """Return the seconds from a notice to the run that is called for it; at least 2, so that ``window`` can be shorter.

    Where acts are gathered for longer than a run may be called ahead, that run finds nothing due yet and calls the
    next one, and so on.
    """
    return min(max(2, config.gathering()), tasks.LONGEST_COUNTDOWN)


def window() -> int:
    """Return the seconds during which one call is enough.

    Shorter than ``delay``: whoever finds that somebody else has called has committed before that call's run reads.
    """
    return max(1, delay() * 9 // 10)


class Waker:
    """Calls workers for this process, and remembers its last call."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget the last call: after a fork it was another process's."""
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self._watched_at = -float(WATCH_EVERY)
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Call a worker from a thread of its own, unless this process did so within the window."""
        if config.is_eager():
            # The "worker" would be the learner's own request. Development runs `percipio_run --loop` instead.
            return
        with self._lock:
            now = time.monotonic()
            if now < self._quiet_until:
                return
            if self._thread is not None and self._thread.is_alive():
                self._quiet_until = now + PAUSE_AFTER_FAILURE
                return
            self._quiet_until = now + window()
            self._thread = threading.Thread(target=self._publish, name="percipio-wake", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until the call that is under way has gone out, or for so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _publish(self) -> None:
        if not contained("wake", lambda: tasks.publish_first(WOKEN_KEY, window(), countdown=delay())):
            with self._lock:
                self._quiet_until = time.monotonic() + PAUSE_AFTER_FAILURE
        contained("watch", self._watch)

    def _watch(self) -> None:
        if time.monotonic() - self._watched_at < WATCH_EVERY:
            return
        self._watched_at = time.monotonic()
        if cache.add(WATCHED_KEY, 1, timeout=WATCH_EVERY):
            try:
                tell_of_late_notices()
            finally:
                # This thread's own, which ends.
                connections.close_all()


def tell_of_late_notices() -> None:
    """Tell an operator, as a worker would, of notices that have waited too long, and compact them.

    Or the table grows with every act of people who are noticed already.
    """
    # Here, so that the LMS's web processes start without any of it.
    from percipio_openedx.operations import alerts, status
    from percipio_openedx.reporting import inbox

    since = status.late_notice(timezone.now())
    if since is not None:
        logger.error("no worker looks at notices since=%s (see percipio_doctor)", f"{since:%Y-%m-%dT%H:%M:%SZ}")
        inbox.compact_late(COMPACTING)
        alerts.check(at_once=True)


waker = Waker()
atexit.register(waker.wait, FAREWELL)
os.register_at_fork(after_in_child=waker.forget)
