"""A Percipio that answers with whatever bytes a test wants, one request after the other.

The sandbox answers as a server does; this one also as none should: half an answer, two at once, none at all.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

PARTNER = "/content-aggregation/v1/partners/acme"
TEXT = (("Content-Type", "text/plain; charset=utf-8"),)


@dataclass(frozen=True)
class Request:
    """A request as it came, and the number of the connection over which it did."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def ids(self) -> list[str]:
        """The ids of the statements in it."""
        return [statement["id"] for statement in json.loads(self.body)]


Say = Callable[[Request], bytes]
# Sent as it is; or what is to be sent, made of the request. None: the connection is closed without a word.
Reply = bytes | Say | None


def answer(status: int = 200, body: Any = b"", headers: Sequence[tuple[str, str]] = (), reason: str = "X") -> bytes:
    """The bytes of an answer; anything but bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    if status >= 200 and status not in (204, 304):
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def all_ids(request: Request) -> bytes:
    """What an LRS answers: the ids of what it stored."""
    return answer(200, request.ids)


TOKEN = answer(200, {"access_token": "tok-1", "expires_in": 3600})


@dataclass
class OddServer:
    """Runs within a ``with`` block, on a loopback port of its own.

    ``replies`` are given one after the other, the last one again and again. ``after`` is called with the connection
    when an answer has been sent.
    """

    replies: list[Reply] = field(default_factory=lambda: [all_ids])
    after: Callable[[socket.socket], None] | None = None
    requests: list[Request] = field(default_factory=list)
    _connections: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> OddServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.token_url = f"{self.url}/token"
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection, len(self._connections)), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                method, path, _ = line.decode("latin-1").split(" ", 2)
                headers = {}
                while head := lines.readline().strip():
                    name, _, value = head.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = lines.read(int(headers.get("content-length", 0)))
                request = Request(method, path, headers, body, number)
                reply: Reply = TOKEN
                if path != "/token":
                    self.requests.append(request)
                    reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                content = reply(request) if callable(reply) else reply
                if content is None:
                    return
                # Read before the answer leaves: who has the answer may already want something else after the next one.
                after = self.after
                connection.sendall(content)
                if after is not None:
                    after(connection)
