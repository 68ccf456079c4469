"""How requests go over the wire: in one piece, over one connection, by what the environment said when it was opened."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from percipio_openedx.delivery import connections
from percipio_openedx.delivery.exchange import exchange
from percipio_openedx.exceptions import Unreachable
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import body_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def written(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is written to the sandbox, a piece each time."""
    port = urlsplit(sandbox.url).port
    pieces: list[bytes] = []
    sendall = socket.socket.sendall

    def noted(self: socket.socket, data: Any, *args: Any) -> None:
        if self.getpeername()[1] == port:
            pieces.append(bytes(data))
        sendall(self, data, *args)

    monkeypatch.setattr(socket.socket, "sendall", noted)
    return pieces


def test_head_and_body_are_one_piece(sandbox: Sandbox, written: list[bytes]) -> None:
    bodies = [body_of(uuid4(), number) * 2000 for number in range(3)]

    for body in bodies:
        exchange("POST", f"{sandbox.url}/anywhere", timeout=5, body=body)

    assert [piece.partition(b"\r\n\r\n")[2] for piece in written] == bodies
    assert {piece.partition(b" ")[0] for piece in written} == {b"POST"}


@pytest.mark.parametrize("body", [None, b""])
def test_a_request_without_a_body_leaves_at_once(sandbox: Sandbox, written: list[bytes], body: bytes | None) -> None:
    exchange("GET" if body is None else "POST", f"{sandbox.url}/anywhere", timeout=5, body=body)

    (piece,) = written
    assert piece.endswith(b"\r\n\r\n")


def test_all_requests_to_a_host_share_what_was_read_of_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange("GET", f"{sandbox.url}/one", timeout=5)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")

    assert exchange("GET", f"{sandbox.url}/two", timeout=5).status == 404
    assert connections.channel_to(f"{sandbox.url}/a") is connections.channel_to(f"{sandbox.url}/b?c=d")


def test_no_cookie_is_kept_and_no_redirect_followed(sandbox: Sandbox, written: list[bytes]) -> None:
    sandbox.set_scenario("redirect-307")
    statements = f"{sandbox.url}/content-aggregation/v1/partners/acme/statements"

    assert exchange("POST", statements, timeout=5, body=b"[]").status == 307
    assert len(written) == 1
    assert b"\r\ncookie:" not in b"".join(written).lower()


@pytest.mark.parametrize(("asked", "target"), [("/a/b?c=d&e=%20#f", b"/a/b?c=d&e=%20"), ("", b"/"), ("//a", b"//a")])
def test_a_server_is_asked_for_path_and_query(
    sandbox: Sandbox, written: list[bytes], asked: str, target: bytes
) -> None:
    exchange("GET", sandbox.url + asked, timeout=5)

    assert written[0].partition(b"\r\n")[0] == b"GET " + target + b" HTTP/1.1"


def test_a_proxy_is_told_the_host(sandbox: Sandbox, written: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", sandbox.url.replace("//", "//somebody:secret@"))

    exchange("POST", "http://percipio.example.com/a/b?c=d", timeout=5, body=b"[]")

    lines = written[0].split(b"\r\n")
    assert lines[0] == b"POST http://percipio.example.com/a/b?c=d HTTP/1.1"
    assert {b"Host: percipio.example.com", b"Proxy-Authorization: Basic c29tZWJvZHk6c2VjcmV0"} <= set(lines)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_what_stays_on_this_machine_goes_through_no_proxy(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """It is plain http, so a proxy would read it; and the proxy's 127.0.0.1 is another machine."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
        url = sandbox.url.replace("127.0.0.1", host)

        exchange("POST", f"{url}/anywhere", timeout=5, body=b"a secret")

        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert [request.path for request in sandbox.requests] == ["/anywhere"]


class Dripping:
    """A server that answers whoever connects a byte at a time, for as long as that one listens (or a while)."""

    def __init__(self) -> None:
        self.was_heard_out = False
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])

    def start(self, answer: bytes) -> None:
        threading.Thread(target=self._serve, args=(answer,), daemon=True).start()

    def _serve(self, answer: bytes) -> None:
        with contextlib.suppress(OSError):
            accepted, _ = self._server.accept()
            with accepted:
                for byte in answer[:400]:
                    if self._over.wait(0.05):
                        return
                    accepted.sendall(bytes([byte]))
                self.was_heard_out = True

    def close(self) -> None:
        self._over.set()
        self._server.close()


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    """One that has not been started yet."""
    server = Dripping()
    yield server
    server.close()


def test_a_proxy_that_drips_its_answer_is_given_up(dripping: Dripping, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{dripping.port}")
    dripping.start(b"HTTP/1.1 200 " + b"x" * 1000)

    with pytest.raises(Unreachable, match="no whole answer within"):
        exchange("GET", "https://percipio.example.com/", timeout=0.2)
    assert not dripping.was_heard_out


def test_a_server_that_drips_its_part_of_tls_is_given_up(dripping: Dripping) -> None:
    # The head of a record of the handshake, and the beginning of a ServerHello (RFC 8446 4.1.3).
    dripping.start(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03" + bytes(1000))

    with pytest.raises(Unreachable, match="within"):
        exchange("GET", f"https://127.0.0.1:{dripping.port}/", timeout=0.2)
    assert not dripping.was_heard_out


def test_nobody_listens() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"

        with pytest.raises(Unreachable, match=r"the connection failed or was cut \(ConnectionRefusedError\)"):
            exchange("GET", url, timeout=5)


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "gopher://example.com", "http://a\x00b/", "http://evil.example\\[::1]/"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Unreachable):
        exchange("GET", url, timeout=5)


def test_a_proxys_address_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http:///nowhere")

    with pytest.raises(Unreachable, match="could not be made"):
        exchange("GET", "https://percipio.example.com/", timeout=5)


def test_a_bundle_of_certificates_that_is_not_there(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")

    with pytest.raises(Unreachable, match="FileNotFoundError"):
        exchange("GET", sandbox.url.replace("http:", "https:"), timeout=5)
