"""Call a worker after the commit, at most once in a window, without making the learner wait.

The notice row is authoritative and the message only saves time, so a message may be lost but never waited for. A thread
of its own talks to cache and broker: one that refuses or hangs costs a request the start of a thread, once a minute.
The same thread occasionally checks that any worker comes at all, since a missing worker cannot report itself.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable

from django.core.cache import cache
from django.db import connections, router, transaction
from django.utils import timezone

from percipio_openedx import config, tasks
from percipio_openedx.models.learner_course import Notice

logger = logging.getLogger(__name__)

WOKEN_KEY = "percipio_openedx:woken"
WATCHED_KEY = "percipio_openedx:watched"

# Seconds between two warnings of one process: thousands of learners may meet the same missing table.
WARN_EVERY = 60.0
# Seconds until this process retries after a call failed or hangs.
PAUSE_AFTER_FAILURE = 60.0
# Seconds that an exiting process waits for its last call.
FAREWELL = 2.0
# Seconds between two checks of the whole LMS for late notices.
WATCH_EVERY = 600


_warned_at: dict[str, float] = {}


def contained(where: str, call: Callable[[], object]) -> bool:
    """Make a call whose failure must not reach the learner's request; return whether it succeeded.

    One of the package's broad excepts. Logs only the class of the error: messages of databases and brokers quote values
    and addresses.
    """
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the boundary: see above
        now = time.monotonic()
        if now - _warned_at.get(where, -WARN_EVERY) >= WARN_EVERY:
            _warned_at[where] = now
            logger.warning("capture failed where=%s error=%s (later observations heal it)", where, type(error).__name__)
        return False
    return True


def on_commit() -> None:
    """Call a worker after the commit; ``robust``, or an exception would become the learner's error page."""
    transaction.on_commit(waker.wake, using=router.db_for_write(Notice), robust=True)


def delay() -> int:
    """Return the seconds from a notice to its run: at least 2 (see ``window``); a run too early calls the next one."""
    return min(max(2, config.gathering()), tasks.LONGEST_COUNTDOWN)


def window() -> int:
    """Return how long one call is enough: less than ``delay``, so that skipped callers commit before the run reads."""
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
        """Call a worker from a separate thread, unless this process did so within the window."""
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
        """Wait for the call in progress, but no longer than ``seconds``."""
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
                # This thread's own connections; it ends here.
                connections.close_all()


def tell_of_late_notices() -> None:
    """Alert operators of late notices, as a worker would, and compact them to bound the table."""
    # Imported here so that the LMS's web processes start without it.
    from percipio_openedx.operations import alerts, status
    from percipio_openedx.reporting import failures

    now = timezone.now()
    since = status.late_notice(now)
    if since is not None:
        logger.error("no worker observes notices since=%s (see percipio_doctor)", f"{since:%Y-%m-%dT%H:%M:%SZ}")
        failures.compact_late(now)
        alerts.check(at_once=True)


waker = Waker()
atexit.register(waker.wait, FAREWELL)
os.register_at_fork(after_in_child=waker.forget)
