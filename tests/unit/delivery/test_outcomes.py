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

from percipio_openedx.delivery.bodies import outcome_of
from percipio_openedx.delivery.exchange import error_of_exception
from percipio_openedx.delivery.outcomes import Answer, later, outcome_of_answer
from percipio_openedx.enums import Outcome

NAMED = {
    200: Outcome.ACCEPTED,
    201: Outcome.ACCEPTED,
    202: Outcome.ACCEPTED,
    204: Outcome.ACCEPTED,
    207: Outcome.PARTIAL,
    401: Outcome.UNAUTHORIZED,
    402: Outcome.UNAUTHORIZED,
    403: Outcome.UNAUTHORIZED,
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
ONE_ID = b'["0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a10"]'
ACCEPTED, PARTIAL, PLAIN, DOUBT = Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.PLAIN, Outcome.DOUBT


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, ONE_ID, ACCEPTED),
        # A success in the answer's own words.
        (200, b'{"success": true, "errors": []}', ACCEPTED),
        (200, b'{"status": "success"}', ACCEPTED),
        (200, b'{"result": "success"}', ACCEPTED),
        (200, b'{"status": "accepted", "message": "3 statements are queued"}', ACCEPTED),
        (200, b'{"statusCode": 200, "body": "done"}', ACCEPTED),
        (200, b'{"error": null}', ACCEPTED),
        (200, b'{"failed": 0, "stored": 5}', ACCEPTED),
        # What names a failure is read by the statement.
        (200, b'{"errors": [{"index": 0}]}', PARTIAL),
        (200, b'{"failed": 2}', DOUBT),
        (200, b'[{"status": 200}, {"status": 400}]', PARTIAL),
        # No more than the status says.
        (200, b"", PLAIN),
        (200, b" \r\n", PLAIN),
        (200, b"OK", PLAIN),
        (200, b'"OK"', PLAIN),
        (200, b"\xef\xbb\xbfok\n", PLAIN),
        (201, b"Created", PLAIN),
        (200, b"All statements were stored successfully.", PLAIN),
        (200, b"true", PLAIN),
        (200, b'{"message": "OK"}', PLAIN),
        (200, b'{"requestId": "a1"}', PLAIN),
        (200, b'{"code": 0, "msg": "ok"}', PLAIN),
        (200, b'{"count": 3}', PLAIN),
        # What denies its status, or does not come from Percipio.
        (200, HTML, DOUBT),
        (201, HTML, DOUBT),
        (202, HTML, DOUBT),
        (200, b"Not OK", DOUBT),
        (200, b"partially accepted", DOUBT),
        (200, b"0 statements stored", DOUBT),
        (200, b"false", DOUBT),
        (200, b"\xff\xfe", DOUBT),
        (200, b"null", DOUBT),
        (200, b"{}", DOUBT),
        (201, b"[]", DOUBT),
        (200, b"[" * 100_000, DOUBT),
        (200, b'{"a":' * 900 + b"1" + b"}" * 900, DOUBT),
        (200, b'{"success": false}', DOUBT),
        (200, b'{"result": "error"}', DOUBT),
        (200, b'{"success": "false"}', DOUBT),
        (200, b'{"success": true, "error": "the queue is full"}', DOUBT),
        (200, b'{"errorMessage": "Task timed out after 3.00 seconds", "errorType": "Sandbox.Timedout"}', DOUBT),
        (200, b'{"message": "Internal server error"}', DOUBT),
        (200, b'{"message": "Endpoint request timed out"}', DOUBT),
        (200, b'{"message": "hello"}', DOUBT),
        (
            200,
            b'{"fault": {"faultstring": "x", "detail": {"errorcode": "steps.javascript.ScriptExecutionFailed"}}}',
            DOUBT,
        ),
        (200, b'{"code": "oauth.v2.InvalidApiKey", "message": "Invalid ApiKey", "contexts": []}', DOUBT),
        (200, b'{"statusCode": 502, "body": "{}"}', DOUBT),
        (200, b'{"statusCode": 400, "body": "\\"Hello from Lambda!\\""}', DOUBT),
        (200, b'{"status": "error"}', DOUBT),
        (200, b'{"status": "KO"}', DOUBT),
        (200, b'{"errcode": 40001, "errmsg": "x"}', DOUBT),
        (200, b'{"code": 1001, "msg": "param error"}', DOUBT),
        (200, b'{"statusCode": 200, "body": "Internal error"}', DOUBT),
        (200, b'{"ids": []}', DOUBT),
        (200, b'{"status": 200, "status": 500}', DOUBT),
        (202, b'{"status": "rejected"}', DOUBT),
        (202, b"\xff\xfe\x00", DOUBT),
        (202, b'["11111111-2222-3333-4444-', DOUBT),
        (202, b'{"errors": [{"id": "1', DOUBT),
        (202, b"[" * 100_000, DOUBT),
        # These say by themselves that something was done, and nobody on the way makes them up.
        (201, b"", ACCEPTED),
        (202, b"", ACCEPTED),
        (202, b"{}", ACCEPTED),
        (202, b'{"message": "queued"}', ACCEPTED),
        (202, b"will be looked at", ACCEPTED),
        (204, b"", ACCEPTED),
        (207, b"", PARTIAL),
        (400, b"", Outcome.REFUSED),
        (503, b"[]", Outcome.LATER),
    ],
)
def test_a_success_must_look_like_one(status: int, body: bytes, outcome: Outcome) -> None:
    assert outcome_of_answer(status, body) is outcome


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"", ACCEPTED),
        (b"OK", ACCEPTED),
        (b"{}", ACCEPTED),
        (b"[]", ACCEPTED),
        (b'{"status": "accepted"}', ACCEPTED),
        (b'{"statements": []}', ACCEPTED),
        (b'{"content_id": "course:A+B", "user": "x", "status": "started", "completion_percentage": 0}', ACCEPTED),
        (b'{"id": "0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a10", "received": "today"}', ACCEPTED),
        (HTML, DOUBT),
        (b"Service is down", DOUBT),
        (b'{"message": "Internal server error"}', DOUBT),
        (b'{"status": "error"}', DOUBT),
        (b'{"status": "KO"}', DOUBT),
        (b'{"fault": {"faultstring": "x"}}', DOUBT),
    ],
)
def test_a_record_that_nothing_speaks_against_is_believed_at_once(body: bytes, outcome: Outcome) -> None:
    """It has no id that an answer could name, and to send it again is the greater harm."""
    assert outcome_of_answer(200, body, is_record=True) is outcome


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

    assert (error.answer.outcome, error.answer.status, error.answer.duration) == (Outcome.LATER, None, 1.5)
    assert "canary" not in str(error)


def _made(kind: type[BaseException]) -> BaseException:
    """An instance whatever its constructor wants, with a text that must not get out."""
    error = kind.__new__(kind)
    error.args = ("https://user:canary@example.com",)
    return error


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
        (zlib.error(), "the answer cannot be decoded"),
        (requests.exceptions.InvalidURL(), "the request could not be made"),
        (http.client.IncompleteRead(b""), "the answer broke off"),
    ],
)
def test_the_words_name_what_happened_and_the_innermost_cause(error: BaseException, words: str) -> None:
    assert words in error_of_exception(error, 1.5).answer.message


@pytest.mark.parametrize("error", [zlib.error(), later("the answer broke off")])
def test_what_cannot_be_read_of_a_whole_answer_keeps_its_status(error: Exception) -> None:
    assert error_of_exception(error, 1.5, 429).answer.status == 429


def test_a_known_error_says_the_same() -> None:
    answer = error_of_exception(later("it is too long", 200), 1.5).answer
    assert answer == Answer(Outcome.LATER, 200, "it is too long", duration=1.5)
