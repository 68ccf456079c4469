"""What may stand on the wire around an answer: interim ones, odd frames and codings, connections that end."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from percipio_openedx import config
from percipio_openedx.delivery import claim, sender, session
from percipio_openedx.delivery import exchange as exchange_module
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.exchange import exchange
from percipio_openedx.delivery.outcomes import DeliveryError
from percipio_openedx.enums import Outcome
from percipio_openedx.models import Destination
from percipio_openedx.models.statement import State
from tests.integration.delivery.odd_server import PARTNER, OddServer, all_ids, answer
from tests.integration.delivery.rows import NOW, add, drain, states, track_of

pytestmark = pytest.mark.django_db(transaction=True)

INTERIM = [
    answer(102),
    answer(103, headers=[("Link", "</x>; rel=preload")]),
    answer(100) + answer(103) + answer(102),
    answer(199),
]


def client() -> PercipioClient:
    configuration = config.for_site(1)
    assert configuration is not None
    return PercipioClient(configuration)


# --- interim answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interim", INTERIM)
def test_an_interim_answer_is_not_the_answer(odd: OddServer, interim: bytes) -> None:
    for number in range(3):
        add(number)
    odd.replies = [lambda request: interim + all_ids(request)]

    assert deliver_due(NOW).sent == 3


@pytest.mark.parametrize("interim", INTERIM)
def test_no_request_reads_the_answer_to_another(odd: OddServer, interim: bytes) -> None:
    """Each request is answered 500 behind an interim answer, and each is told so."""
    for number in range(4):
        add(number)
    odd.replies = [interim + answer(500)]

    drain(rounds=6)

    assert set(states().values()) == {State.WAITING}
    assert len({request.connection for request in odd.requests}) == len(odd.requests)


@pytest.mark.parametrize(
    "first",
    [
        answer(101, headers=[("Upgrade", "h2c")]) + answer(200, ["x"]),
        b"HTTP/1.1 204 X\r\nContent-Length: 2\r\n\r\n",
        answer(304, headers=[("Content-Length", "20")]),
        b"HTTP/1.1 500 X\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 X\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_after_an_odd_answer_comes_another_connection(odd: OddServer, first: bytes) -> None:
    odd.replies = [first, all_ids]
    ours = client()
    one, two = (ours.post_statements([json.dumps({"id": str(number)}).encode()]) for number in range(2))

    assert one.status != 200
    assert (two.outcome, two.status) == (Outcome.PARTIAL if not two.message else two.outcome, 200)
    assert odd.requests[0].connection != odd.requests[1].connection


def test_nothing_but_interim_answers_is_no_answer(odd: OddServer) -> None:
    """A part of an answer came, so it is not sent again at once, also over a connection that was open already."""
    ours = client()
    ours.post_statements([b'{"id": "1"}'])
    odd.replies = [answer(103)]
    odd.after = lambda connection: connection.shutdown(socket.SHUT_RDWR)

    assert ours.post_statements([b"{}"]).status is None
    assert [request.connection for request in odd.requests] == [odd.requests[0].connection] * 2


@pytest.mark.parametrize(
    "first",
    [
        answer(500) + answer(200, ["x"]),
        b"\x00\x00garbage\r\n" + answer(200),
        b"\r\n\r\n" + answer(200),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 000 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 X\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 X\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        answer(206, ["x"]),
        answer(503, headers=[("Retry-After", "99999999999")]),
        answer(200, b"[]", [("Content-Encoding", "br")]),
    ],
)
def test_no_odd_frame_is_a_success_and_the_next_answer_is_the_next_ones(odd: OddServer, first: bytes) -> None:
    for number in range(3):
        add(number)
    odd.replies = [first]

    done = deliver_due(NOW)
    assert (done.sent, done.parked) == (0, 0)
    assert done.next_due is not None
    assert (done.next_due - NOW).total_seconds() <= 61
    odd.replies = [all_ids]
    drain(done.next_due)
    assert set(states().values()) == {State.DELIVERED}


def test_one_odd_frame_costs_no_time(odd: OddServer) -> None:
    """What was in that request is sent again in parts, in the same turn."""
    for number in range(3):
        add(number)
    odd.replies = [b"\x00\x00garbage\r\n" + answer(200), all_ids]

    assert deliver_due(NOW).sent == 3
    assert Destination.objects.get().failures == 0


# --- connections that end --------------------------------------------------------------------------------------------


class Closing:
    """Closes each connection when its second request has come, without a byte of an answer."""

    def __init__(self, times: int = 100) -> None:
        self._seen: set[int] = set()
        self._left = times

    def __call__(self, request: Any) -> bytes:
        if request.connection in self._seen and self._left:
            self._left -= 1
            raise OSError
        self._seen.add(request.connection)
        return all_ids(request) if "statements" in request.path else answer(200, {"status": "accepted"})


def test_a_connection_that_was_closed_at_the_same_moment_is_no_failure(odd: OddServer) -> None:
    odd.replies = [Closing()]
    for number in range(4):
        add(number)
    with override_settings(PERCIPIO_BATCH_SIZE=1):
        assert deliver_due(NOW).sent == 4

    assert len({request.connection for request in odd.requests}) < len(odd.requests)
    destination = Destination.objects.get()
    assert (destination.failures, destination.failing_since) == (0, None)


def test_also_of_a_track_record(odd: OddServer, settings: Any) -> None:
    settings.PERCIPIO_API = "track"
    odd.replies = [Closing()]
    for number in range(3):
        add(number, track=track_of(number))

    assert deliver_due(NOW).sent == 3
    assert len({request.connection for request in odd.requests}) < len(odd.requests)


def test_once_more_is_enough(odd: OddServer) -> None:
    """A server that closes new connections as well has failed."""
    odd.replies = [all_ids, None]
    ours = client()
    ours.post_statements([b'{"id": "1"}'])

    assert ours.post_statements([b'{"id": "2"}']).status is None
    assert len(odd.requests) == 3


def test_a_new_connection_that_is_closed_is_not_tried_again(odd: OddServer) -> None:
    odd.replies = [None]

    assert client().post_statements([b"{}"]).status is None
    assert len(odd.requests) == 1


@pytest.mark.parametrize("beginning", [b"H", b"HTTP/1.1 200 OK\r\n", answer(103), answer(200, b"[" * 50)[:-20]])
def test_what_was_answered_in_part_is_not_sent_again_at_once(odd: OddServer, beginning: bytes) -> None:
    ours = client()
    ours.post_statements([b'{"id": "1"}'])
    odd.replies = [beginning]
    odd.after = lambda connection: connection.shutdown(socket.SHUT_RDWR)

    assert ours.post_statements([b"{}"]).outcome in (Outcome.LATER, Outcome.DOUBT)
    assert len(odd.requests) == 2


def test_what_took_too_long_is_not_sent_again_at_once(odd: OddServer, configured: Callable[..., None]) -> None:
    configured(odd, TIMEOUT=1)
    client()._tokens.current()
    waits = threading.Event()
    odd.replies = [lambda request: b"" * waits.wait(20)]

    assert "no answer within the time-out" in client().post_statements([b"{}"]).message
    waits.set()
    assert len(odd.requests) == 1


def test_a_connection_that_the_server_closed_long_ago_is_replaced(odd: OddServer) -> None:
    client()._tokens.current()
    closed = threading.Semaphore(0)

    def close(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)
        closed.release()

    odd.after = close
    ours = client()
    for number in range(3):
        assert ours.post_statements([json.dumps({"id": str(number)}).encode()]).status == 200
        assert closed.acquire(timeout=30)

    assert len(odd.requests) == 3


# --- codings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "coding", ["utf-8", "UTF-8", "none", "identity", "", "identity, utf-8", "gzip", "gzip, identity"]
)
def test_content_codings(odd: OddServer, coding: str) -> None:
    row = add(1)
    content = json.dumps([str(row.uuid)]).encode()
    packed = gzip.compress(content) if "gzip" in coding else content
    odd.replies = [answer(200, packed, [("Content-Encoding", coding)])]

    assert deliver_due(NOW).sent == 1


@pytest.mark.parametrize("body", [b"[]", gzip.compress(b"[1, 2, 3]", mtime=0)[:-9]], ids=["not packed", "torn"])
def test_what_cannot_be_unpacked_is_no_answer(odd: OddServer, body: bytes) -> None:
    odd.replies = [answer(200, body, [("Content-Encoding", "gzip")])]

    assert client().post_statements([b"{}"]).outcome is Outcome.LATER


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("circle", [1, 2, 3])
def test_pages_that_lead_in_a_circle_end(odd: OddServer, circle: int) -> None:
    def page(request: Any) -> bytes:
        number = int(request.path.partition("=")[2] or -1)
        return answer(200, {"statements": [], "more": f"{PARTNER}/statements?c={(number + 1) % circle}"})

    odd.replies = [page]
    with pytest.raises(DeliveryError, match="already read"):
        for _ in client().get_statements():
            assert len(odd.requests) <= circle + 1


# --- ways that drip --------------------------------------------------------------------------------------------------


def test_what_drips_its_head_is_given_up_when_the_lease_ends(odd: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait is for the next byte only. The rows are free again, and the others leave by another thread."""
    ends = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not ends.wait(0.05):
            connection.sendall(b"x")

    row = add(1)
    monkeypatch.setattr(claim, "LEASE", 0.5)
    monkeypatch.setattr(session, "longest_call", lambda _: 0.0)
    monkeypatch.setattr(sender, "longest_call", lambda _: 0.0)
    odd.replies = [b"HTTP/1.1 200 OK\r\nX: "]
    odd.after = drip

    done = deliver_due(NOW)

    assert (done.sent, done.later) == (0, 1)
    assert states() == {1: State.WAITING}
    row.refresh_from_db()
    assert row.answer == "no whole answer before the lease ended"
    ends.set()
    odd.after = None
    odd.replies = [all_ids]
    drain(done.next_due or NOW)
    assert states() == {1: State.DELIVERED}


def test_a_name_of_many_dead_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """All of them together have the time in which one would be waited for."""
    settings.PERCIPIO_PRIVATE_HOSTS = ["localhost"]
    tried: list[float] = []

    def dead(self: socket.socket, address: Any) -> None:
        tried.append(self.gettimeout() or 0)
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", dead)
    monkeypatch.setattr(
        exchange_module, "checked_addresses", lambda *_: [f"127.0.0.{number}" for number in range(1, 100)]
    )
    with pytest.raises(DeliveryError):
        exchange("GET", "http://localhost:9/", timeout=0.3)
    assert tried == pytest.approx([0.1, 0.1, 0.1])
