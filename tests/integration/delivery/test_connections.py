"""How requests go over the wire: in one piece, over one connection, by what the environment said when it was opened."""

from __future__ import annotations

import socket
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


def test_nobody_listens() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"

        with pytest.raises(Unreachable, match=r"the connection failed or was cut \(ConnectionRefusedError\)"):
            exchange("GET", url, timeout=5)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "gopher://example.com", "http://a\x00b/"])
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
