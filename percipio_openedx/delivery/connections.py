"""Connections to Percipio: made to checked addresses only, kept open for the process, and cut off when a whole answer
takes too long.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError

from percipio_openedx import __version__
from percipio_openedx.delivery.reach import checked_addresses

USER_AGENT = f"percipio-openedx/{__version__}"
_MOST_SESSIONS = 64

# --- the whole time ------------------------------------------------------------------------------------------------


class Watch:
    """Ends the request of this thread when its time is up, also in the middle of a header line.

    A time-out of the socket bounds the wait for the next byte only; a server that drips would be listened to for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._connection: HTTPConnection | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Watch:
        _watching.watch = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _watching.watch = None

    def see(self, connection: HTTPConnection) -> None:
        """The connection that the answer will come over."""
        self._connection = connection

    def _end(self) -> None:
        self.expired = True
        sock = getattr(self._connection, "sock", None) or getattr(self._connection, "_percipio_sock", None)
        if sock is not None:
            # Beneath TLS, whose own shutdown would take the reader's state away under its hands.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Watching(threading.local):
    watch: Watch | None = None


_watching = _Watching()


class _OurConnection(HTTPConnection):
    """Goes to a checked address, and tells the watch of its thread which socket it waits on."""

    def _new_conn(self) -> socket.socket:
        return _connected(self, super()._new_conn)

    def getresponse(self) -> Any:
        """Wait for the head of the answer, watched."""
        return _watched(self, super().getresponse)


class _OurTLSConnection(HTTPSConnection):
    """The same over TLS."""

    def _new_conn(self) -> socket.socket:
        return _connected(self, super()._new_conn)

    def getresponse(self) -> Any:
        """Wait for the head of the answer, watched."""
        return _watched(self, super().getresponse)


def _connected(connection: HTTPConnection, connect: Callable[[], socket.socket]) -> socket.socket:
    """Connect to one of the addresses of the connection's host. TLS goes on to check the host's name afterwards."""
    if connection.proxy is not None:
        # The proxy's address is the operator's choice, and it looks the host up; ``config`` has seen to literal ones.
        return connect()
    host = connection._dns_host
    failure: HTTPError | None = None
    try:
        for address in checked_addresses(host, connection.port):
            connection.host = address
            try:
                return connect()
            except HTTPError as error:
                failure = error
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    finally:
        connection.host = host
    raise failure or NameResolutionError(host, connection, socket.gaierror("no address"))


def _watched(connection: HTTPConnection, getresponse: Any) -> Any:
    if _watching.watch is not None:
        # http.client lets go of ``sock`` when the answer will close the connection.
        connection._percipio_sock = connection.sock  # type: ignore[attr-defined]
        _watching.watch.see(connection)
    return getresponse()


class _OurPool(HTTPConnectionPool):
    ConnectionCls = _OurConnection


class _OurTLSPool(HTTPSConnectionPool):
    ConnectionCls = _OurTLSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _OurPool, "https": _OurTLSPool}


# --- open connections ----------------------------------------------------------------------------------------------

_sessions: dict[tuple[int, str], requests.Session] = {}
_lock = threading.Lock()


def session_for(url: str) -> requests.Session:
    """The session of this process for the host of ``url``. A forked worker gets its own, never its parent's sockets."""
    key = (os.getpid(), urlsplit(url).netloc)
    session = _sessions.get(key)
    if session is None:
        with _lock:
            session = _sessions.get(key) or _new_session(key)
    return session


def close_sessions() -> None:
    """Close every connection of this process (the next request opens a new one)."""
    with _lock:
        mine = [key for key in _sessions if key[0] == os.getpid()]
        for key in mine:
            _sessions.pop(key).close()


def _new_session(key: tuple[int, str]) -> requests.Session:
    while len(_sessions) >= _MOST_SESSIONS:
        # Forgotten, not closed: it may be another process's, or in use; its sockets close when nobody needs them.
        _sessions.pop(next(iter(_sessions)))
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"})
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_connections=2, pool_maxsize=8, max_retries=0))
    _sessions[key] = session
    return session
