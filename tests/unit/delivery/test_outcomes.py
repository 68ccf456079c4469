"""Every status and every exception has exactly one outcome."""

from __future__ import annotations

import http.client
import inspect
import socket
import ssl
import zlib
from typing import Any

import pytest
import requests.exceptions
import urllib3.exceptions

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.failures import error_of_exception
from percipio_openedx.delivery.outcomes import Answer, answer_of, error_of, outcome_of_answer
from percipio_openedx.delivery.statuses import outcome_of
from percipio_openedx.exceptions import (
    DeliveryError,
    Refused,
    Throttled,
    TooLarge,
    Unauthorised,
    Unavailable,
    Unreachable,
)

NAMED = {
    200: Outcome.ACCEPTED,
    201: Outcome.ACCEPTED,
    202: Outcome.ACCEPTED,
    204: Outcome.ACCEPTED,
    207: Outcome.PARTIAL,
    401: Outcome.UNAUTHORISED,
    402: Outcome.UNAUTHORISED,
    403: Outcome.UNAUTHORISED,
    404: Outcome.NOT_FOUND,
    405: Outcome.NOT_FOUND,
    410: Outcome.NOT_FOUND,
    407: Outcome.LATER,
    408: Outcome.LATER,
    409: Outcome.CONFLICT,
    413: Outcome.TOO_LARGE,
    421: Outcome.LATER,
    423: Outcome.LATER,
    425: Outcome.LATER,
    429: Outcome.LATER,
}


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_one_outcome(status: int) -> None:
    otherwise = Outcome.REFUSED if 400 <= status < 500 else Outcome.LATER
    assert outcome_of(status) is NAMED.get(status, otherwise)


HTML = b"<html><body>Sign in</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'["0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a10"]', Outcome.ACCEPTED),
        (200, b"{}", Outcome.ACCEPTED),
        (200, b'{"success": true, "errors": []}', Outcome.ACCEPTED),
        (200, b'{"success": false}', Outcome.PARTIAL),
        (200, b'{"errors": [{"index": 0}]}', Outcome.PARTIAL),
        (200, b"", Outcome.LATER),
        (200, HTML, Outcome.LATER),
        (200, b"\xff\xfe", Outcome.LATER),
        (200, b"null", Outcome.LATER),
        (200, b"[" * 100_000, Outcome.LATER),
        (201, b"", Outcome.ACCEPTED),
        (201, HTML, Outcome.LATER),
        (202, b"", Outcome.ACCEPTED),
        (204, b"", Outcome.ACCEPTED),
        (400, b"", Outcome.REFUSED),
        (503, b"[]", Outcome.LATER),
    ],
)
def test_a_success_must_look_like_one(status: int, body: bytes, outcome: Outcome) -> None:
    assert outcome_of_answer(status, body) is outcome


def _exceptions_of(module: object, base: type[BaseException]) -> list[type[BaseException]]:
    return sorted(
        {kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, base)},
        key=lambda kind: kind.__name__,
    )


@pytest.mark.parametrize(
    "kind",
    [
        *_exceptions_of(requests.exceptions, requests.exceptions.RequestException),
        *_exceptions_of(urllib3.exceptions, urllib3.exceptions.HTTPError),
        *_exceptions_of(http.client, http.client.HTTPException),
        *(
            ssl.SSLError,
            ssl.SSLCertVerificationError,
            socket.gaierror,
            socket.herror,
            TimeoutError,
            ConnectionResetError,
        ),
        *(BrokenPipeError, ConnectionRefusedError, OSError, UnicodeError, ValueError, zlib.error),
    ],
)
def test_every_exception_of_a_request_is_later(kind: type[BaseException]) -> None:
    error = error_of_exception(_made(kind), 1.5)

    assert answer_of(error).outcome is Outcome.LATER
    assert isinstance(error, Unreachable | Unavailable)
    assert error.duration == 1.5
    assert "canary" not in error.message


def _made(kind: type[BaseException]) -> BaseException:
    """An instance whatever its constructor wants, with a text that must not get out."""
    error = kind.__new__(kind)
    error.args = ("https://user:canary@example.com",)
    return error


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        (urllib3.exceptions.DecodeError, Unavailable),
        (urllib3.exceptions.SSLError, Unreachable),
        (requests.exceptions.InvalidProxyURL, Unreachable),
        (zlib.error, Unavailable),
        (ZeroDivisionError, Unreachable),
    ],
)
def test_exceptions_are_told_apart(kind: type[BaseException], typed: type[DeliveryError]) -> None:
    assert type(error_of_exception(kind())) is typed


REFUSED = ConnectionRefusedError(111, "x")
NOWHERE: Any = None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib3.exceptions.SSLError(ssl.SSLCertVerificationError()), "certificate is not trusted, or TLS failed"),
        (urllib3.exceptions.ProxyError("x", REFUSED), "the proxy refused or could not be reached (Connection"),
        (urllib3.exceptions.ConnectTimeoutError(), "no connection within the time-out"),
        (urllib3.exceptions.ReadTimeoutError(NOWHERE, "/", "x"), "no answer within the time-out"),
        (urllib3.exceptions.ProtocolError("x", REFUSED), "the connection failed or was cut (ConnectionRefusedError)"),
        (urllib3.exceptions.NewConnectionError(NOWHERE, "x"), "the connection failed or was cut (New"),
        (urllib3.exceptions.DecodeError(), "the answer cannot be decoded"),
        (requests.exceptions.InvalidURL(), "the request could not be made"),
        (http.client.IncompleteRead(b""), "the answer broke off"),
    ],
)
def test_the_words_name_what_happened_and_the_innermost_cause(error: BaseException, words: str) -> None:
    assert words in error_of_exception(error).message


@pytest.mark.parametrize(
    ("outcome", "status", "typed"),
    [
        (Outcome.LATER, None, Unreachable),
        (Outcome.LATER, 503, Unavailable),
        (Outcome.LATER, 429, Throttled),
        (Outcome.UNAUTHORISED, 401, Unauthorised),
        (Outcome.TOO_LARGE, 413, TooLarge),
        (Outcome.REFUSED, 400, Refused),
        (Outcome.NOT_FOUND, 404, Refused),
    ],
)
def test_answers_and_errors_say_the_same(outcome: Outcome, status: int | None, typed: type[DeliveryError]) -> None:
    answer = Answer(outcome, status, "words", 3.0, 0.5)

    error = error_of(answer)

    assert (type(error), error.status, error.retry_after, error.duration) == (typed, status, 3.0, 0.5)
    assert answer_of(error) == answer


def test_a_known_error_stays_itself() -> None:
    error = Throttled("slow down", status=429)
    assert error_of_exception(error) is error
