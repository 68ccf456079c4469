"""A sandbox as a Python object: start, end, what it remembers, TLS, what it imports."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from percipio_sandbox import Sandbox
from tests.sandbox.sending import CREDENTIALS, Partner, ask, asked_for, record, statement, statements


def test_addresses(sandbox: Sandbox) -> None:
    url = f"http://127.0.0.1:{sandbox.port}"

    assert (sandbox.url, sandbox.api_url) == (url, f"{url}/content-aggregation")
    assert sandbox.token_url == f"{url}/oauth2-provider/token"
    assert sandbox.statements_url("a b") == f"{url}/content-aggregation/v1/partners/a%20b/statements"
    assert sandbox.track_url("p", "o/1") == f"{url}/content-aggregation/v1/partners/p/organizations/o%2F1/track"


def test_requests_are_remembered_without_credentials(sandbox: Sandbox) -> None:
    partner = Partner(sandbox)
    partner.send(statements(2))
    partner.send([statement(3, verb=None), {}])
    partner.track(record())
    partner.read("?agent=secret")

    assert [(seen.method, seen.path, seen.status, seen.items, len(seen.ids)) for seen in sandbox.requests] == [
        ("POST", "/oauth2-provider/token", 200, 0, 0),
        ("POST", "/content-aggregation/v1/partners/demo/statements", 200, 2, 2),
        ("POST", "/content-aggregation/v1/partners/demo/statements", 400, 2, 1),
        ("POST", "/content-aggregation/v1/partners/demo/track", 200, 1, 0),
        ("GET", "/content-aggregation/v1/partners/demo/statements", 400, 0, 0),
    ]
    assert sandbox.requests[1].headers["Authorization"] == "Bearer ***"
    assert partner.headers["Authorization"].split()[1] not in repr(sandbox.requests)


def test_each_accepted_body_is_recorded_once(tmp_path: Path) -> None:
    path, track, journal = (tmp_path / name for name in ("received.jsonl", "track.jsonl", "journal.jsonl"))
    with Sandbox(record=path, track_record=track, journal=journal) as sandbox:
        partner = Partner(sandbox, "demo", "org-1")
        partner.send(statements(2))
        partner.send([*statements(3), statement(4, actor={"name": "Zoë", "mbox": "mailto:zoe@example.com"})])
        partner.send([statement(5), {}])
        partner.track(record())
        partner.track(record())
        lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
        bodies = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        records = [json.loads(line) for line in track.read_text(encoding="utf-8").splitlines()]

    assert bodies == [line["body"] for line in lines if line["kind"] == "statement"]
    assert records == [record()]
    assert all(set(line) == {"kind", "partner", "organization", "client_id", "received", "body"} for line in lines)
    assert [(line["kind"], line["body"]) for line in lines] == [
        *(("statement", body) for body in statements(3)),
        ("statement", statement(4, actor={"name": "Zoë", "mbox": "mailto:zoe@example.com"})),
        ("track", record()),
    ]
    assert "Zoë" in path.read_text(encoding="utf-8")


def test_a_record_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "received.jsonl"
    for number in (1, 2):
        with Sandbox(record=path) as sandbox:
            Partner(sandbox).send(statement(number))

    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_a_connection_serves_many_requests(sandbox: Sandbox) -> None:
    parts = urlsplit(sandbox.token_url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)
    ports = set()
    for _ in range(3):
        connection.request("POST", parts.path, json.dumps(CREDENTIALS), {"Content-Type": "application/json"})
        assert len(connection.getresponse().read()) > 0
        ports.add(connection.sock.getsockname())
    connection.close()

    assert len(ports) == 1


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "localhost.:80", "127.0.0.1", "127.0.0.1:8765", "[::1]:1"]
)
def test_it_answers_for_this_machine(sandbox: Sandbox, host: str) -> None:
    assert asked_for(sandbox.port, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:8765",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "",
        ),
        *("127.0.0.2", "10.0.0.1", "[::2]", "[::1", "::1", "localhost:80:80", "127.0.0.1@evil.example", "local host"),
    ],
)
@pytest.mark.parametrize(
    ("path", "method"),
    [("/", "GET"), ("/_sandbox/statements", "GET"), ("/_sandbox/reset", "POST"), ("/oauth2-provider/token", "POST")],
)
def test_a_name_that_stands_for_this_machine_all_at_once_is_refused(
    sandbox: Sandbox, host: str, path: str, method: str
) -> None:
    """DNS rebinding: the requests of a foreign page reach it, with that page's own name."""
    assert asked_for(sandbox.port, host, path=path, method=method) == 421
    assert sandbox.requests == []


def test_two_hosts_are_one_too_many(sandbox: Sandbox) -> None:
    assert asked_for(sandbox.port, "localhost", "evil.example") == 421
    assert asked_for(sandbox.port, "localhost", "localhost") == 421


def test_it_answers_for_the_names_that_it_was_given() -> None:
    with Sandbox(host="0.0.0.0", names=["Percipio.test"]) as sandbox:
        hosts = ("percipio.test:8765", "PERCIPIO.TEST", "127.0.0.1", "0.0.0.0", "other.test", "10.9.8.7")
        assert [asked_for(sandbox.port, host) for host in hosts] == [200, 200, 200, 200, 421, 421]


def test_a_refused_body_is_not_taken_for_the_next_request(sandbox: Sandbox) -> None:
    parts = urlsplit(sandbox.url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)
    seen = []
    for _ in range(2):
        connection.request("POST", "/nowhere", b"GET / HTTP/1.1\r\n\r\n")
        answer = connection.getresponse()
        answer.read()
        seen.append(answer.status)
    connection.close()

    assert seen == [404, 404]


@pytest.mark.parametrize(("length", "status"), [("33554433", b"413"), ("x", b"400"), ("-1", b"400")])
def test_a_body_that_is_too_large_or_strange_is_not_read(sandbox: Sandbox, length: str, status: bytes) -> None:
    head = f"POST /oauth2-provider/token HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.split()[1] == status
    assert b"Connection: close" in answer


def test_many_senders_at_once(sandbox: Sandbox) -> None:
    def send(number: int) -> int:
        return Partner(sandbox).send(statements(10, first=1 + number * 5)).status

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(send, range(40)))

    assert seen == [200] * 40
    assert len({body["id"] for body in sandbox.statements}) == len(sandbox.statements) == 205
    assert [entry.sequence for entry in sandbox.entries] == list(range(1, 206))
    stored = [entry.stored for entry in sandbox.entries]
    assert stored == sorted(set(stored))


def test_closing_ends_open_and_stalled_connections() -> None:
    with Sandbox("stall") as sandbox:
        idle = socket.create_connection(("127.0.0.1", sandbox.port), timeout=10)
        stalled = socket.create_connection(("127.0.0.1", sandbox.port), timeout=10)
        path = urlsplit(sandbox.statements_url("demo")).path
        stalled.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        while not sandbox.requests:
            stalled.settimeout(0.01)
            with pytest.raises(TimeoutError):
                stalled.recv(1)
    idle.settimeout(10)
    stalled.settimeout(10)
    with idle, stalled:
        assert (idle.recv(1), stalled.recv(1)) == (b"", b"")
    with pytest.raises(ConnectionRefusedError):
        ask(sandbox.url)


def test_closing_twice_and_without_a_start_is_harmless() -> None:
    sandbox = Sandbox()
    sandbox.close()
    sandbox.close()

    with pytest.raises(ConnectionRefusedError):
        ask(sandbox.url)


@pytest.mark.parametrize("port", ["taken", 70_000])
def test_an_address_that_cannot_be_had(sandbox: Sandbox, tmp_path: Path, port: object) -> None:
    with pytest.raises((OSError, OverflowError)):
        Sandbox(port=sandbox.port if port == "taken" else 70_000, record=tmp_path / "received.jsonl")


def test_an_answer_may_wait() -> None:
    with Sandbox(latency=30) as sandbox:
        connection = HTTPConnection("127.0.0.1", sandbox.port, timeout=0.1)
        connection.request("GET", "/oauth2-provider/token")
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
        statuses = [seen.status for seen in sandbox.requests]

    assert statuses == [405]


def test_nothing_but_the_standard_library_is_imported() -> None:
    program = (
        "import sys; before = set(sys.modules); import percipio_sandbox.cli; "
        "print(*sorted({name for name in set(sys.modules) - before "
        "if name.split('.')[0] not in sys.stdlib_module_names "
        "and not name.startswith('percipio_sandbox')}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert found.stdout.split() == []
