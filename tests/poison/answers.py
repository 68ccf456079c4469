"""What a pretend Percipio answers to a request that holds a poisoned statement, and what it has stored then.

Each shape is honest: what it does not store it does not claim to have stored in any way that a client may believe.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.integration.delivery.odd_server import Request, answer
from tests.poison.errors import CANARY

JSON = (("Content-Type", "application/json"),)
HTML = (("Content-Type", "text/html; charset=utf-8"),)
WORDS = f"no: {CANARY}"


class Stored(StrEnum):
    """Which statements of a request are stored."""

    NONE = "none"
    OTHERS = "all but the poisoned ones"
    POISONED = "only the poisoned ones"
    ALL = "all"


# What is answered, given the request and the places of the poisoned statements in it. None: not a byte.
Say = Callable[[Request, list[int]], bytes | None]


@dataclass(frozen=True)
class Shape:
    """An answer, what is stored when it is given, and whether the connection ends after it (else a client waits)."""

    say: Say
    stored: Stored = Stored.NONE
    closes: bool = False


REFUSALS = (
    *(301, 302, 303, 307, 308),
    *(400, 401, 402, 403, 404, 405, 406, 408, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425),
    *(426, 428, 431, 444, 451, 494, 499),
    *(500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 524, 525, 530, 598, 599, 600, 999),
)
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "words": WORDS.encode(),
    "a page": f"<html><h1>Blocked</h1>{CANARY}</html>".encode(),
    "a message": json.dumps({"message": WORDS}).encode(),
    "half an emoji": b'{"message": "Rockets \\ud83d"}',
    "an emoji": json.dumps({"message": "\U0001f62c" * 500}, ensure_ascii=False).encode(),
    "NUL": b'{"message": "a\\u0000b", "x": "\x00"}',
    "Latin-1": "Zugriff f\u00fcr M\u00fcller verweigert".encode("latin-1"),
    "UTF-16": "no".encode("utf-16"),
    "half of a document": b'{"message": "no", "errors": [{"id": "1',
    "huge": b'{"message": "' + b"x" * 3_000_000 + b'"}',
    "deep": b"[" * 100_000,
    "a number": b"1e999",
    "right to left": json.dumps({"message": "\u202e\u0644\u0627" * 200}, ensure_ascii=False).encode(),
    "marks": json.dumps({"message": "e" + "\u0301" * 5000}, ensure_ascii=False).encode(),
    "a canary among the keys": json.dumps({CANARY: CANARY, "error": {"to": [CANARY]}}).encode(),
}


def _refusals() -> Iterator[tuple[str, Shape]]:
    """Yield every status with one of the bodies, and every body with those that firewalls use most."""
    names = list(BODIES)
    pairs = [(status, names[number % len(names)]) for number, status in enumerate(REFUSALS)]
    pairs += [(status, name) for status in (400, 403) for name in names]
    for status, name in dict.fromkeys(pairs):
        head = HTML if name == "a page" else JSON
        yield f"{status} with {name}", Shape(_fixed(answer(status, BODIES[name], head)))


def _fixed(content: bytes | None) -> Say:
    return lambda _request, _bad: content


def _of_ids(make: Callable[[list[str], list[int]], Any], status: int) -> Say:
    return lambda request, bad: answer(status, make(request.ids, bad), JSON)


def _lacking(ids: list[str], bad: list[int]) -> list[str]:
    return [one for number, one in enumerate(ids) if number not in bad]


# A success that tells which statements it is not about.
NAMED: dict[str, Callable[[list[str], list[int]], Any]] = {
    "a list that lacks them": _lacking,
    "a status each": lambda ids, bad: [
        {"id": one, "status": 400 if number in bad else 200} for number, one in enumerate(ids)
    ],
    "failures by id": lambda ids, bad: {"failed": [{"id": ids[number], "reason": WORDS} for number in bad]},
    "failures by index": lambda _ids, bad: {"errors": [{"index": number, "message": WORDS} for number in bad]},
    "half an emoji for each": lambda ids, bad: {"errors": {ids[number]: "Rockets \ud83d" for number in bad}},
    "a flag each": lambda ids, bad: [
        {"id": one, "success": number not in bad, "message": "\U0001f62c"} for number, one in enumerate(ids)
    ],
    "a count": lambda ids, bad: {"stored": len(ids) - len(bad)},
}
# A success of which the body says that it is none: of a gateway, a function that failed, a firewall.
DENIED: dict[str, Any] = {
    "an empty list": [],
    "an empty object": {},
    "null": None,
    "a failed function": {"errorMessage": f"Task timed out: {CANARY}", "errorType": "x"},
    "a message": {"message": "Internal server error"},
    "a fault": {"fault": {"faultstring": WORDS}},
    "another status": {"statusCode": 500, "body": "{}"},
    "an error": {"status": "error"},
    "a page": b"<html>Sign in</html>",
    "no text": b"\xff\xfe\x00",
    "half of a list": b'["11111111-2222-3333-4444-',
    "somebody else's id": ["11111111-2222-3333-4444-555555555555"],
    "deep": b"[" * 100_000,
}


def _successes() -> Iterator[tuple[str, Shape]]:
    for number, (name, make) in enumerate(NAMED.items()):
        for status in (200, 207, 201 + number % 2):
            yield f"{status} with {name}", Shape(_of_ids(make, status), Stored.OTHERS)
    for number, (name, body) in enumerate(DENIED.items()):
        for status in (200, 201 + number % 2) if number % 2 else (200, 207):
            # An empty object contradicts no 202: it was taken (decision record 0014).
            stored = Stored.ALL if (status, body) == (202, {}) else Stored.NONE
            yield f"{status} with {name}", Shape(_fixed(answer(status, body, JSON)), stored)
    yield "200 with OK", Shape(_fixed(answer(200, b"OK")), Stored.ALL)
    yield "200 with nothing", Shape(_fixed(answer(200)), Stored.ALL)
    yield "201 with nothing", Shape(_fixed(answer(201)), Stored.ALL)
    yield "204", Shape(_fixed(answer(204)), Stored.ALL)


def _of_connections() -> Iterator[tuple[str, Shape]]:
    ok = answer(200, b'{"status": "success"}')
    yield "closed without a byte", Shape(_fixed(None))
    yield "closed after it was stored", Shape(_fixed(None), Stored.ALL)
    yield "half of a head", Shape(_fixed(b"HTTP/1.1 200 O"), Stored.ALL, closes=True)
    yield (
        "a head and no body",
        Shape(_fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n["), Stored.ALL, closes=True),
    )
    yield "no HTTP", Shape(_fixed(b"\x16\x03\x01\x02\x00\x01\x00"), closes=True)
    yield (
        "a broken chunk",
        Shape(_fixed(b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno\r\n"), closes=True),
    )
    yield (
        "two lengths",
        Shape(_fixed(b"HTTP/1.1 500 X\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nno"), closes=True),
    )
    yield "a length that is none", Shape(_fixed(b"HTTP/1.1 500 X\r\nContent-Length: two\r\n\r\nno"), closes=True)
    yield "no gzip", Shape(_fixed(answer(500, b"no", (("Content-Encoding", "gzip"),))))
    yield "only 102", Shape(_fixed(b"HTTP/1.1 102 Processing\r\n\r\n"), closes=True)
    yield (
        "102, 103 and 500",
        Shape(
            _fixed(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(500, b"no"))
        ),
    )
    yield "one answer too many", Shape(_fixed(answer(500, b"no") + ok))
    yield "an endless header", Shape(_fixed(b"HTTP/1.1 500 X\r\nX-Odd: " + b"x" * 200_000 + b"\r\n\r\n"), closes=True)
    yield "many headers", Shape(_fixed(b"HTTP/1.1 500 X\r\n" + b"X-Odd: x\r\n" * 2000 + b"\r\n"), closes=True)
    yield "headers that are no text", Shape(_fixed(answer(500, b"no", (("X-Odd", "\xff\x00\x7f"), ("Date", "never")))))
    yield "409", Shape(_fixed(answer(409, {"message": "exists already"})), Stored.POISONED)


SHAPES: dict[str, Shape] = {**dict(_refusals()), **dict(_successes()), **dict(_of_connections())}

# What a token endpoint says where it gives no token.
TOKENS: dict[str, bytes | None] = {
    "closed without a byte": None,
    "no HTTP": b"\x16\x03\x01",
    **{
        f"{status} with {name}": answer(status, body)
        for status in (400, 401, 403, 429, 500)
        for name, body in (
            ("invalid_client", {"error": "invalid_client", "error_description": WORDS}),
            ("a page", BODIES["a page"]),
        )
    },
    **{f"200 with {name}": answer(200, body, JSON) for name, body in DENIED.items()},
    "a token that is none": answer(200, {"access_token": "a\nb", "expires_in": 3600}),
    "a token without a text": answer(200, {"access_token": {"a": 1}, "expires_in": "x"}),
    "half an emoji": answer(200, b'{"access_token": "\\ud83d", "expires_in": 3600}'),
}
