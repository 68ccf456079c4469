"""A Percipio over loopback that answers as the test tells it, by whose statements a request holds."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

_LEARNER = re.compile(rb"learner(\d+)@")


@dataclass(frozen=True)
class Reported:
    """An answer; ``status`` None closes the connection without one."""

    status: int | None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int | None) -> Reported:
    """An answer with this status, in words that name it."""
    return Reported(status, json.dumps({"message": f"no, {status}"}).encode())


@dataclass
class Scripted:
    """What was asked, and what is answered.

    ``answer`` gets the numbers of the learners in a request, in order; None is "all is well".
    """

    url: str = ""
    answer: Callable[[list[int]], Reported | None] = lambda _: None
    requests: list[list[int]] = field(default_factory=list)
    tokens: int = 0
    accepted: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, culprits: dict[int, int | None]) -> None:
        """Refuse each request that holds one of these learners, with the status of the first."""
        self.answer = lambda learners: next((refusal(culprits[one]) for one in learners if one in culprits), None)

    def refuse_all(self, status: int | None) -> None:
        """Refuse everything."""
        self.answer = lambda _: refusal(status)

    def accept_all(self) -> None:
        """All is well."""
        self.answer = lambda _: None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    scripted: ClassVar[Scripted]

    def log_message(self, *_: Any) -> None:
        """Be silent."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/token"):
            self.scripted.tokens += 1
            self._say(Reported(200, json.dumps({"access_token": "t", "expires_in": 3600}).encode()))
            return
        learners = [int(number) for number in _LEARNER.findall(sent)]
        with self.scripted.lock:
            self.scripted.requests.append(learners)
            reported = self.scripted.answer(learners)
            if reported is None:
                self.scripted.accepted += learners
                reported = Reported(200, json.dumps(_ids(sent)).encode())
        self._say(reported)

    def _say(self, reported: Reported) -> None:
        if reported.status is None:
            self.close_connection = True
            return
        self.send_response(reported.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reported.body)))
        for name, value in reported.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reported.body)


def _ids(sent: bytes) -> Any:
    """What an LRS answers, and something of the kind for a record."""
    reported = json.loads(sent)
    return [statement["id"] for statement in reported] if isinstance(reported, list) else {"status": "ok"}


@contextmanager
def running() -> Iterator[Scripted]:
    """One that listens on a port of its own."""
    scripted = Scripted()
    handler = type("Handler", (_Handler,), {"scripted": scripted})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        scripted.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield scripted
        finally:
            server.shutdown()
            thread.join(5)
