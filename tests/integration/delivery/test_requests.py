"""How requests go over the wire, by what the environment says of proxies and certificates."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from percipio_openedx.delivery.exchange import Session, exchange
from percipio_openedx.delivery.outcomes import DeliveryError
from percipio_sandbox import Sandbox
from tests.integration.delivery.odd_server import OddServer, answer

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


def test_no_cookie_is_kept_and_no_redirect_followed(sandbox: Sandbox, written: list[bytes]) -> None:
    sandbox.set_scenario("redirect-307")
    statements = f"{sandbox.url}/content-aggregation/v1/partners/acme/statements"

    with Session() as session:
        for _ in range(2):
            assert exchange("POST", statements, timeout=5, body=b"[]", session=session).status == 307
    assert len(sandbox.requests) == 2
    assert b"\r\ncookie:" not in b"".join(written).lower()


def test_a_cookie_is_not_kept() -> None:
    with OddServer([answer(200, [], [("Set-Cookie", "a=b; Path=/")])]) as odd, Session() as session:
        for _ in range(2):
            exchange("GET", odd.url, timeout=5, session=session)
    assert ["cookie" in request.headers for request in odd.requests] == [False, False]


def test_the_body_of_a_redirect_is_bounded() -> None:
    """Requests reads it whole where it looks for the next address."""
    endless = b"HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 2_000_000
    with OddServer([endless]) as odd, pytest.raises(DeliveryError, match="longer than"):
        exchange("GET", odd.url, timeout=5)


@pytest.mark.parametrize(("asked", "target"), [("/a/b?c=d&e=%20#f", b"/a/b?c=d&e=%20"), ("", b"/"), ("//a", b"/a")])
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


def test_nobody_listens() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"

        with pytest.raises(DeliveryError, match=r"the connection failed or was cut \(ConnectionRefusedError\)"):
            exchange("GET", url, timeout=5)


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "gopher://example.com", "http://a\x00b/", "http://evil.example\\[::1]/"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(DeliveryError):
        exchange("GET", url, timeout=5)


def test_a_proxys_address_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http:///nowhere")

    with pytest.raises(DeliveryError, match="could not be made"):
        exchange("GET", "https://percipio.example.com/", timeout=5)


def test_a_bundle_of_certificates_that_is_not_there(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")

    with pytest.raises(DeliveryError, match="OSError"):
        exchange("GET", sandbox.url.replace("http:", "https:"), timeout=5)
