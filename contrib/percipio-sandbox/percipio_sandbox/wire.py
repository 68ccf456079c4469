"""How answers leave the sandbox: whole, or broken in the ways that `Manner` names."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO

from percipio_sandbox.messages import Answer, Manner

_ENDLESS_PIECE = b" " * 65_536
# With no time to linger, closing a socket sends RST instead of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Connection:
    """One connection while an answer is written; `closing` is set when the sandbox shuts down."""

    socket: socket.socket
    output: BinaryIO
    closing: threading.Event
    head_only: bool
    keep_alive: bool


def head_of(answer: Answer, length: int | None, keep_alive: bool) -> bytes:
    """Return the status line and the headers; a `length` of None announces a chunked body."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    body = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
    fields = [
        ("Server", "percipio-sandbox"),
        body,
        ("X-Content-Type-Options", "nosniff"),
        ("Connection", "keep-alive" if keep_alive else "close"),
        *answer.headers,
    ]
    if answer.body or length is None:
        fields.append(("Content-Type", answer.content_type))
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def send(answer: Answer, connection: Connection) -> None:
    """Write an answer in its manner; clears `keep_alive` where the connection cannot go on.

    Raises:
        OSError: when the client has left.
    """
    _MANNERS[answer.manner](answer, connection)


def _whole(answer: Answer, connection: Connection) -> None:
    head = head_of(answer, len(answer.body), connection.keep_alive)
    connection.output.write(head if connection.head_only else head + answer.body)
    connection.output.flush()


def _drip(answer: Answer, connection: Connection) -> None:
    connection.output.write(head_of(answer, len(answer.body), connection.keep_alive))
    connection.output.flush()
    _write_slowly(b"" if connection.head_only else answer.body, answer.pause, connection)


def _drip_head(answer: Answer, connection: Connection) -> None:
    head = head_of(answer, len(answer.body), connection.keep_alive)
    _write_slowly(head if connection.head_only else head + answer.body, answer.pause, connection)


def _write_slowly(content: bytes, pause: float, connection: Connection) -> None:
    for position in range(len(content)):
        if connection.closing.wait(pause):
            connection.keep_alive = False
            return
        connection.output.write(content[position : position + 1])
        connection.output.flush()


def _endless(answer: Answer, connection: Connection) -> None:
    connection.keep_alive = False
    connection.output.write(head_of(answer, None, keep_alive=False))
    while not connection.closing.is_set():
        connection.output.write(b"%x\r\n%b\r\n" % (len(_ENDLESS_PIECE), _ENDLESS_PIECE))
        connection.output.flush()


def _stall(answer: Answer, connection: Connection) -> None:
    connection.keep_alive = False
    if answer.pause:
        connection.closing.wait(answer.pause)
        return
    connection.socket.settimeout(None)
    connection.socket.recv(1)  # comes back when the client leaves or the sandbox closes the connection


def _reset(answer: Answer, connection: Connection) -> None:
    connection.keep_alive = False
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)


_MANNERS: Mapping[Manner, Callable[[Answer, Connection], None]] = {
    Manner.WHOLE: _whole,
    Manner.DRIP: _drip,
    Manner.DRIP_HEAD: _drip_head,
    Manner.ENDLESS: _endless,
    Manner.STALL: _stall,
    Manner.RESET: _reset,
}
