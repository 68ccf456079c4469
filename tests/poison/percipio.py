"""A pretend Percipio that takes what is right once, and answers anything to a poisoned learner's statement."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

from django.utils import timezone

from percipio_sandbox.validation.statements import problems_of
from tests.integration.delivery.odd_server import TOKEN, OddServer, Request, all_ids, answer
from tests.poison.answers import Shape, Stored

# The token endpoint of one of the accounts, whose answers can be poisoned.
SECOND_TOKEN = "/token-of-an-account"

Statement = dict[str, Any]


class Percipio:
    """Runs within a ``with`` block.

    ``poisoned`` are shapes by registration, ``met`` the registrations to which they were answered. ``tokens`` is what
    the token endpoint of one account says, one after the other, the last one again and again (None: not a byte).
    ``stored`` are the statements by id with the path that they were sent to, in the order of their arrival, and
    ``wrong`` is what no right client does.
    """

    def __init__(self) -> None:
        self.odd = OddServer([self._reply], after=self._end)
        self._lock = threading.Lock()
        self._closing = threading.local()
        self.reset()

    def reset(self) -> None:
        """Know nothing."""
        self.poisoned: dict[str, Shape] = {}
        self.tokens: list[bytes | None] = [TOKEN]
        self.stored: dict[str, tuple[Statement, str]] = {}
        self.wrong: list[str] = []
        self.met: set[str] = set()

    def __enter__(self) -> Percipio:
        self.odd.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.odd.__exit__()

    def _reply(self, request: Request) -> bytes | None:
        self.odd.requests.clear()
        if request.path == SECOND_TOKEN:
            return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        with self._lock:
            return self._judge(request, json.loads(request.body))

    def _judge(self, request: Request, statements: list[Statement]) -> bytes | None:
        problems = [problem for one in statements for problem in problems_of(one, timezone.now())]
        if problems:
            self.wrong += problems
            return answer(400, {"message": problems[0]})
        bad = [number for number, one in enumerate(statements) if registration(one) in self.poisoned]
        if not bad:
            self._store(statements, request.path)
            return all_ids(request)
        # Of several poisoned ones the first decides, as the first rule of a firewall does that is met.
        first = registration(statements[bad[0]])
        shape = self.poisoned[first]
        self.met.add(first)
        chosen = {
            Stored.NONE: [],
            Stored.ALL: statements,
            Stored.OTHERS: [one for number, one in enumerate(statements) if number not in bad],
            Stored.POISONED: [statements[number] for number in bad],
        }
        self._store(chosen[shape.stored], request.path)
        self._closing.now = shape.closes
        return shape.say(request, bad)

    def _store(self, statements: list[Statement], path: str) -> None:
        for one in statements:
            known = self.stored.setdefault(one["id"], (one, path))
            if known != (one, path):
                self.wrong.append(f"{one['id']} came again as another statement")

    def _end(self, connection: socket.socket) -> None:
        if getattr(self._closing, "now", False):
            self._closing.now = False
            connection.shutdown(socket.SHUT_RDWR)


def registration(statement: Statement) -> str:
    """Whose statement it is."""
    return str(statement["context"]["registration"])
