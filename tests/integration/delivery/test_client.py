"""The client against the pretend Percipio: headers, bytes, reading back, bounds, TLS."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from percipio_openedx import __version__, config
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.outcomes import Answer, DeliveryError
from percipio_openedx.enums import Outcome
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import body_of

pytestmark = pytest.mark.django_db


def client_for_site() -> PercipioClient:
    """The client of the default site."""
    configuration = config.for_site(1)
    assert configuration is not None
    return PercipioClient(configuration)


def test_bytes_and_headers(site: Sandbox) -> None:
    bodies = [body_of(uuid4(), number) for number in range(3)]

    answer = client_for_site().post_statements(bodies, "org/ä")

    assert (answer.outcome, answer.status, answer.earlier) == (Outcome.ACCEPTED, 200, ())
    assert site.statements == [json.loads(body) for body in bodies]
    token, post = site.requests
    assert token.headers["Content-Type"] == "application/json"
    assert post.path == "/content-aggregation/v1/partners/acme/organizations/org%2F%C3%A4/statements"
    wanted = {
        "X-Experience-API-Version": "1.0.3",
        "Content-Type": "application/json",
        "User-Agent": f"percipio-openedx/{__version__}",
        "Authorization": "Bearer ***",
    }
    assert {name: post.headers.get(name) for name in wanted} == wanted


def test_one_connection_and_one_token_for_many_calls(site: Sandbox) -> None:
    for number in range(5):
        client_for_site().post_statements([body_of(uuid4(), number)])
    assert [request.path.rpartition("/")[2] for request in site.requests] == ["token", *["statements"] * 5]


def test_reading_back_page_by_page(site: Sandbox) -> None:
    client = client_for_site()
    bodies = [body_of(uuid4(), number) for number in range(25)]
    client.post_statements(bodies)

    pages = list(client.get_statements({"limit": "10", "ascending": "true"}))

    assert [len(page) for page in pages] == [10, 10, 5]
    ids = [statement["id"] for page in pages for statement in page]
    assert ids == [json.loads(body)["id"] for body in bodies]


@pytest.mark.parametrize("more", ["", None])
def test_the_last_page(site: Sandbox, monkeypatch: pytest.MonkeyPatch, more: Any) -> None:
    _answer_with(monkeypatch, {"statements": [], "more": more})
    assert list(client_for_site().get_statements()) == [[]]


@pytest.mark.parametrize(
    "more",
    [
        "https://evil.example.com/content-aggregation/v1/x",
        "//evil.example.com/content-aggregation/v1/x",
        "/other/path",
        "/content-aggregation/v1/../../secret",
        "/content-aggregation/v1/%2e%2e/secret",
        "/content-aggregation/v1/%2E%2E%2Fsecret",
        "/content-aggregation/v1/..\\secret",
        "http://[broken",
        "http://evil.example\\[::1]/content-aggregation/v1/x",
        "http://evil.example\\@127.0.0.1/content-aggregation/v1/x",
        "\\\\evil.example\\content-aggregation/v1/x",
        "http://user@127.0.0.1/content-aggregation/v1/x",
        "/content-aggregation/v1/partners/acme/statements",
    ],
)
def test_a_more_link_never_leads_away_or_in_circles(site: Sandbox, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    _answer_with(monkeypatch, {"statements": [], "more": more})
    with pytest.raises(DeliveryError, match="link to the next page"):
        list(client_for_site().get_statements())


@pytest.mark.parametrize("body", [[], {"statements": 3}, {"statements": [1]}, {}])
def test_a_page_that_is_none(site: Sandbox, monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    _answer_with(monkeypatch, body)
    with pytest.raises(DeliveryError, match="no page of statements"):
        list(client_for_site().get_statements())


def _answer_with(monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    answer = Answer(Outcome.ACCEPTED, 200, body=json.dumps(body).encode())
    monkeypatch.setattr(PercipioClient, "_answered", lambda *_: answer)


def test_reading_errors_are_typed(site: Sandbox) -> None:
    with pytest.raises(DeliveryError) as refused:
        list(client_for_site().get_statements({"verb": "no iri"}))
    assert (refused.value.answer.outcome, refused.value.answer.status) == (Outcome.REFUSED, 400)
    site.set_scenario("server-500")
    with pytest.raises(DeliveryError) as failed:
        list(client_for_site().get_statements())
    assert (failed.value.answer.outcome, failed.value.answer.status) == (Outcome.LATER, 500)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("huge", "longer than"),
        ("gzip-bomb", "longer than"),
        ("slow=0.4", "no whole answer within 3 seconds"),
        ("stall", "no answer within the time-out"),
        ("reset", "connection failed or was cut"),
        ("redirect-307", "a redirect, which is not followed"),
    ],
)
def test_an_answer_is_bounded(site: Sandbox, scenario: str, words: str) -> None:
    client = client_for_site()
    client._tokens.current()
    site.set_scenario(scenario)
    began = time.monotonic()

    answer = client.post_statements([body_of(uuid4(), number) for number in range(40)])

    assert answer.outcome is Outcome.LATER
    assert words in answer.message
    assert time.monotonic() - began < 8


def test_after_a_cut_the_next_request_is_well(site: Sandbox) -> None:
    client = client_for_site()
    site.set_scenario("slow=0.4:1")
    assert client.post_statements([body_of(uuid4(), 1)]).outcome is Outcome.LATER
    assert client.post_statements([body_of(uuid4(), 2)]).outcome is Outcome.ACCEPTED


def test_nobody_listens(site: Sandbox, configured: Any) -> None:
    site.close()
    answer = client_for_site().post_statements([b"{}"])
    assert (answer.outcome, answer.status) == (Outcome.LATER, None)
    assert "ConnectionRefusedError" in answer.message
    with pytest.raises(DeliveryError) as error:
        client_for_site()._tokens.current()
    assert error.value.answer.status is None


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate that nobody but itself vouches for."""
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return paths


def test_a_certificate_that_nobody_vouches_for_is_refused(configured: Any, certificate: tuple[Path, Path]) -> None:
    with Sandbox(tls=certificate) as sandbox:
        configured(sandbox)
        answer = client_for_site().post_statements([b"{}"])

    assert (answer.outcome, answer.status, sandbox.requests) == (Outcome.LATER, None, [])
    assert "certificate is not trusted" in answer.message


def test_the_sites_own_authority_may_be_added(
    configured: Any, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with Sandbox(tls=certificate) as sandbox:
        configured(sandbox)
        assert client_for_site().post_statements([body_of(uuid4(), 1)]).outcome is Outcome.ACCEPTED


def test_proxies_of_the_environment_are_used(site: Sandbox, configured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(site, API_URL="https://percipio.example", TOKEN_URL="https://percipio.example/token")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    answer = client_for_site().post_statements([b"{}"])
    assert "proxy" in answer.message


def test_a_netrc_adds_no_credentials(site: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    client_for_site().post_statements([body_of(uuid4(), 1)])

    assert [request.headers.get("Authorization") for request in site.requests] == [None, "Bearer ***"]


def test_threads_share_it(site: Sandbox) -> None:
    client = client_for_site()
    outcomes: list[Outcome] = []

    def post(number: int) -> None:
        outcomes.append(client.post_statements([body_of(uuid4(), number)]).outcome)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert outcomes == [Outcome.ACCEPTED] * 8
    assert sum(request.path.endswith("/token") for request in site.requests) == 1


def test_errors_are_delivery_errors(site: Sandbox) -> None:
    site.set_scenario("token-refused")
    with pytest.raises(DeliveryError) as error:
        client_for_site()._tokens.current()
    assert error.value.answer.status == 401
