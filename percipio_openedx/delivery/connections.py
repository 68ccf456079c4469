"""Connections to Percipio: made to checked addresses only, watched, and kept open for the process."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, ProtocolError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Timeout

from percipio_openedx import __version__
from percipio_openedx.addresses import is_loopback, read_url
from percipio_openedx.delivery.reach import addresses_of, checked_addresses, in_time
from percipio_openedx.delivery.watch import watch_of_this_thread

USER_AGENT = f"percipio-openedx/{__version__}"
HEADERS = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
_MOST_CHANNELS = 64


class ClosedUnanswered(ProtocolError):
    """An open connection was closed by the server before a byte of an answer came."""


class _Lines:
    """The lines of a head, and the last of them: a head that ends without an empty line has broken off."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.last = b""

    def readline(self, *limit: int) -> bytes:
        """The next line; nothing at the end."""
        self.last = self.file.readline(*limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class _Answer(http.client.HTTPResponse):
    """Passes by interim answers, as a client must (RFC 9110 15.2); ``http.client`` does so with 100 alone.

    After anything odd the connection is closed: what is left on it would be read as the answer to the next request.
    """

    _has_interim = False

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            try:
                version, status, reason = super()._read_status()  # type: ignore[misc]
            except http.client.RemoteDisconnected:
                if self._has_interim:
                    raise http.client.BadStatusLine("interim answers, and no answer") from None
                raise
            if not 100 <= status < 200 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
            self._has_interim = True

    def begin(self) -> None:
        """Read status and headers, and see whether another answer may follow on this connection.

        Raises:
            IncompleteRead: the head broke off. ``http.client`` takes what came for the whole of it, which makes an
                empty 200 of a server that died (RFC 9112 8).
        """
        lines = _Lines(self.fp)
        self.fp = cast(Any, lines)
        super().begin()
        self.fp = lines.file
        if not lines.last:
            raise http.client.IncompleteRead(b"")
        headers = self.headers
        has_no_body = self.status < 200 or self.status in (204, 205, 304)
        lengths = headers.get_all("Content-Length", [])
        codings = headers.get_all("Transfer-Encoding", [])
        is_odd = (
            self._has_interim
            or self.status == http.HTTPStatus.SWITCHING_PROTOCOLS
            or (has_no_body and bool(codings or set(lengths) - {"0"}))
            or len(lengths) + len(codings) > 1
        )
        self.will_close = self.will_close or is_odd


class _Ours(HTTPConnection):
    """Goes to a checked address, tells the watch of its thread which socket it waits on, and sends a request in one
    piece: ``http.client`` would write the head by itself, in a packet (and a record of TLS) of its own.
    """

    response_class = _Answer
    _keeps_head = False
    _head = b""
    _answers = 0

    def _new_conn(self) -> socket.socket:
        self._answers = 0
        sock = _connected(self, super()._new_conn)
        _be_watched(self, sock)
        return sock

    @property
    def is_connected(self) -> bool:
        """Whether the next request may go over it."""
        return super().is_connected and not (self._answers and _wanted.new)

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        """Send a request, its head together with the first piece of its body."""
        _be_watched(self, self.sock)
        self._keeps_head, self._head = bool(body), b""
        try:
            super().request(method, url, body, *args, **kwargs)
        except ssl.SSLEOFError as error:
            if self._answers:
                raise ClosedUnanswered("closed before an answer", error) from error
            raise

    def send(self, data: Any) -> None:
        """Send what is to be sent, or keep the head until the body follows."""
        if self._keeps_head:
            self._keeps_head, self._head = False, data
            return
        head, self._head = self._head, b""
        super().send(head + data if head else data)

    def getresponse(self) -> Any:
        """Wait for the head of the answer, watched."""
        _be_watched(self, self.sock)
        try:
            answer = super().getresponse()
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            if self._answers:
                raise ClosedUnanswered("closed before an answer", error) from error
            raise
        self._answers += 1
        return answer


class _OursOverTLS(_Ours, HTTPSConnection):
    """The same over TLS."""


class _Wanted(threading.local):
    """Whether the next request of this thread wants a connection that nothing has been sent over yet."""

    new = False


_wanted = _Wanted()


def _be_watched(connection: HTTPConnection, sock: Any) -> None:
    """Let the watch of this thread cut it off: an answer, a proxy or a handshake that drips has no end of its own."""
    watch = watch_of_this_thread()
    if watch is not None:
        # http.client lets go of ``sock`` when the answer will close the connection.
        connection._percipio_sock = sock  # type: ignore[attr-defined]
        watch.see(connection)


def _connected(connection: HTTPConnection, connect: Callable[[], socket.socket]) -> socket.socket:
    """Connect to one of the addresses of the connection's host, in the time for which it would wait for one.

    All of them together have no more than the watch leaves. TLS goes on to check the host's name afterwards.
    """
    # A proxy's address is the operator's choice, and it looks the host up; ``config`` has seen to literal ones.
    find = checked_addresses if connection.proxy is None else addresses_of
    host, timeout = connection._dns_host, connection.timeout
    failure: HTTPError | None = None
    try:
        for address, share in in_time(find(host, connection.port), _time_left(connection, float(timeout or 0))):
            connection.host, connection.timeout = address, share
            try:
                return connect()
            except HTTPError as error:
                failure = error
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    finally:
        connection.host, connection.timeout = host, timeout
    raise failure or NameResolutionError(host, connection, socket.gaierror("no address"))


def _time_left(connection: HTTPConnection, timeout: Any) -> Any:
    watch = watch_of_this_thread()
    if watch is None or not isinstance(timeout, int | float):
        return timeout
    left = watch.ends_at - time.monotonic()
    if left <= 0:
        raise ConnectTimeoutError(connection, "no connection within the time")
    return min(timeout, left)


class _OurPool(HTTPConnectionPool):
    ConnectionCls = _Ours


class _OurTLSPool(HTTPSConnectionPool):
    ConnectionCls = _OursOverTLS


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


class Channel:
    """The way to one host: its open connections, and the proxies and certificates that the environment names for it.

    ``requests`` reads the environment, once, and makes the pool. The requests themselves are ``urllib3``'s: no redirect
    is followed, no cookie kept, nothing looked up again.

    Raises:
        requests.RequestException: nothing can be reached under such an address, or through such a proxy.
    """

    def __init__(self, url: str) -> None:
        where = read_url(url)
        settings = requests.Session().merge_environment_settings(url, {}, True, None, None)
        if is_loopback(where.host):
            # A proxy would be sent in clear what was to stay on this machine, and has a 127.0.0.1 of its own.
            settings["proxies"] = {}
        trusted = DEFAULT_CA_BUNDLE_PATH if settings["verify"] is True else settings["verify"]
        pool = _Adapter(pool_connections=2, pool_maxsize=8).get_connection_with_tls_context(
            requests.Request("GET", url).prepare(), trusted, proxies=settings["proxies"]
        )
        self._pool = cast(HTTPConnectionPool, pool)
        # A proxy that is not tunnelled through has to be told the host (RFC 9112 3.2.2).
        self._names_host = self._pool.proxy is not None and where.scheme == "http"

    def send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> BaseHTTPResponse:
        """Send a request, and return with the head of the answer; the body is still to be read.

        An open connection may be closed by the server at the very moment at which it is used again. That says nothing
        of the server, so the request is sent once more, over a new one. RFC 9110 9.2.2 allows that for what is
        idempotent: tokens, reads, and statements, which have ids. A Track record is none; but a record without an
        answer is sent again in any case (decision record 0014), so it is not sent more often for that.

        Arguments:
            url: of this host.
            timeout: seconds to connect, and between two parts of the answer.
        """
        try:
            return self._sent(method, url, body, headers, timeout)
        except ClosedUnanswered:
            watch = watch_of_this_thread()
            if watch is not None and watch.expired:
                # It was this side that closed it.
                raise
            _wanted.new = True
            try:
                return self._sent(method, url, body, headers, timeout)
            finally:
                _wanted.new = False

    def _sent(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> BaseHTTPResponse:
        return self._pool.urlopen(
            method,
            url if self._names_host else read_url(url).target,
            body,
            headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(timeout, timeout),
            preload_content=False,
            decode_content=False,
        )

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()


_Key = tuple[int, tuple[str, str, int]]

_channels: dict[_Key, Channel] = {}
_lock = threading.Lock()


def channel_to(url: str) -> Channel:
    """The channel of this process to the host of ``url``. A forked worker gets its own, never its parent's sockets."""
    key = (os.getpid(), read_url(url).origin)
    channel = _channels.get(key)
    if channel is None:
        with _lock:
            channel = _channels.get(key) or _new_channel(key, url)
    return channel


def close_channels() -> None:
    """Close every connection of this process (the next request opens a new one)."""
    with _lock:
        mine = [key for key in _channels if key[0] == os.getpid()]
        for key in mine:
            _channels.pop(key).close()


def _new_channel(key: _Key, url: str) -> Channel:
    while len(_channels) >= _MOST_CHANNELS:
        # Forgotten, not closed: it may be another process's, or in use; its sockets close when nobody needs them.
        _channels.pop(next(iter(_channels)))
    channel = _channels[key] = Channel(url)
    return channel
