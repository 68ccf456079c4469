"""One connection to Percipio: made to a checked address, watched from its beginning, and read strictly.

What ``http.client`` lets pass would be read as the answer to something else: interim answers, heads that break off, and
what is left on a connection after an odd answer.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, ProtocolError

from percipio_openedx.delivery.reach import addresses_of, checked_addresses, in_time
from percipio_openedx.delivery.watch import watch_of_this_thread


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
                if not 100 <= status < 200 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                    return version, status, reason
                self._has_interim = True
                http.client.parse_headers(self.fp)
            except ConnectionError:
                # An answer had begun: not a connection that was closed before the request came.
                if self._has_interim:
                    raise http.client.BadStatusLine("interim answers, and no answer") from None
                raise

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


class Ours(HTTPConnection):
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


class OursOverTLS(Ours, HTTPSConnection):
    """The same over TLS."""


class _Wanted(threading.local):
    """Whether the next request of this thread wants a connection that nothing has been sent over yet."""

    new = False


_wanted = _Wanted()


@contextmanager
def new_connection() -> Iterator[None]:
    """What this thread sends meanwhile goes over connections that nothing has been sent over yet."""
    _wanted.new = True
    try:
        yield
    finally:
        _wanted.new = False


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
