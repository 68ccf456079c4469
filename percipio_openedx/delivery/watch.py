"""The whole time of one request: bounded, also for a server that answers a byte at a time."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time

from urllib3.connection import HTTPConnection

# Seconds without a watch after which the guard's thread ends.
_IDLE = 60.0


class Watch:
    """Ends the request of this thread when its time is up, also in the middle of a header line.

    A time-out of the socket bounds the wait for the next byte only; a server that drips would be listened to for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self.ends_at = time.monotonic() + seconds
        self._connection: HTTPConnection | None = None

    def __enter__(self) -> Watch:
        _watching.watch = self
        _guard.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _guard.remove(self)
        _watching.watch = None

    def see(self, connection: HTTPConnection) -> None:
        """The connection that the answer will come over."""
        self._connection = connection

    def end(self) -> None:
        """Cut the connection off: its reader gets an error."""
        self.expired = True
        sock = getattr(self._connection, "sock", None) or getattr(self._connection, "_percipio_sock", None)
        if sock is not None:
            # Beneath TLS, whose own shutdown would take the reader's state away under its hands.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Guard:
    """One thread for all watches of the process: to start one for each would cost a request more than its headers do.

    The thread ends when there has been nothing to watch for a while, and starts again with the next watch.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._wakes_at = math.inf
        self._is_running = False

    def add(self, watch: Watch) -> None:
        with self._changed:
            self._watches.add(watch)
            if not self._is_running:
                threading.Thread(target=self._run, name="percipio-guard", daemon=True).start()
                self._is_running = True
            elif watch.ends_at < self._wakes_at:
                self._changed.notify()

    def remove(self, watch: Watch) -> None:
        with self._changed:
            self._watches.discard(watch)

    def _run(self) -> None:
        with self._changed:
            idle_since = time.monotonic()
            while self._watches or time.monotonic() < idle_since + _IDLE:
                now = time.monotonic()
                for watch in [watch for watch in self._watches if watch.ends_at <= now]:
                    self._watches.discard(watch)
                    watch.end()
                if self._watches:
                    idle_since = now
                self._wakes_at = min((watch.ends_at for watch in self._watches), default=now + _IDLE)
                self._changed.wait(self._wakes_at - now)
            self._is_running = False


_guard = _Guard()


def _renew_guard() -> None:
    global _guard
    _guard = _Guard()


# A forked worker has none of its parent's threads, and may have its lock in whatever state it was.
os.register_at_fork(after_in_child=_renew_guard)


class _Watching(threading.local):
    watch: Watch | None = None


_watching = _Watching()


def watch_of_this_thread() -> Watch | None:
    """The watch over the request that this thread is making."""
    return _watching.watch
