"""Every named fault, as a sender meets it."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from percipio_sandbox import Sandbox
from percipio_sandbox.scenarios.catalog import SCENARIOS
from tests.sandbox.sending import CREDENTIALS, Partner, Reply, ask, item, record, send_json, statement, statements

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
TESTED: set[str] = set()


def scenario(*names: str) -> Callable[[Any], Any]:
    """Mark a test as the one of these scenarios."""
    TESTED.update(names)
    return lambda test: test


def numbers(sandbox: Sandbox) -> list[int]:
    """The numbers of the statements that are held."""
    return [UUID(found["id"]).int for found in sandbox.statements]


def page(title: str) -> bytes:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


@scenario("ok")
def test_a_healthy_percipio_takes_everything(partner: Partner) -> None:
    partner.sandbox.set_scenario("ok")

    assert (partner.send(statements(2)).status, partner.track(record()).status) == (200, 200)


HTML = "text/html; charset=utf-8"
JSON = "application/json"
PLAIN_TOKEN_FAULTS = {
    "token-html": (200, HTML, page("Sign in")),
    "token-500": (500, HTML, page("Server error")),
    "token-refused": (
        401,
        JSON,
        b'{"error": "invalid_client", "problems": ["the client id or the client secret is wrong"]}',
    ),
}


@scenario(*PLAIN_TOKEN_FAULTS)
@pytest.mark.parametrize("name", PLAIN_TOKEN_FAULTS)
def test_a_fault_of_the_token_endpoint_leaves_the_api_well(partner: Partner, name: str) -> None:
    partner.sandbox.set_scenario(name)
    answer = send_json(partner.sandbox.token_url, CREDENTIALS)

    assert (answer.status, answer.headers["Content-Type"], answer.body) == PLAIN_TOKEN_FAULTS[name]
    assert partner.send(statement()).status == 200


@scenario("token-no-lifetime", "token-text-lifetime")
@pytest.mark.parametrize(
    ("name", "expected"), [("token-no-lifetime", {}), ("token-text-lifetime", {"expires_in": "36000"})]
)
def test_a_token_with_an_odd_lifetime_is_good(name: str, expected: dict[str, str]) -> None:
    with Sandbox(name) as sandbox:
        content = send_json(sandbox.token_url, CREDENTIALS).json
        del content["access_token"]

        assert content == {"token_type": "Bearer", "scope": "api", **expected}
        assert Partner(sandbox).send(statement()).status == 200
        assert send_json(sandbox.token_url, {}).status == 400


@scenario("token-expires-mid-flight", "token-expires-403")
@pytest.mark.parametrize(("name", "status"), [("token-expires-mid-flight", 401), ("token-expires-403", 403)])
def test_a_token_dies_in_mid_flight_and_a_new_one_is_good(partner: Partner, name: str, status: int) -> None:
    partner.sandbox.set_scenario(name)
    seen = [partner.send(statement()).status, partner.send(statement()).status]
    partner.renew()
    seen += [partner.send(statement()).status, partner.send(statement()).status]

    assert seen == [status, 401, 200, 200]


def test_every_token_may_die_after_some_requests(partner: Partner) -> None:
    partner.sandbox.set_scenario("token-expires-mid-flight=2")
    seen = []
    for _ in range(2):
        seen += [partner.send(statement()).status for _ in range(3)]
        partner.renew()

    assert seen == [200, 200, 401, 200, 200, 401]


PLAIN_FAULTS = {
    "forbidden": (403, JSON, b'{"error": "forbidden"}', {}),
    "throttled-429": (429, JSON, b'{"error": "too many requests"}', {"Retry-After": None}),
    "throttled-429-seconds": (429, JSON, b'{"error": "too many requests"}', {"Retry-After": "2"}),
    "throttled-429-seconds=5": (429, JSON, b'{"error": "too many requests"}', {"Retry-After": "5"}),
    "throttled-429-date=90": (
        429,
        JSON,
        b'{"error": "too many requests"}',
        {"Retry-After": "Sat, 01 Jun 2024 12:01:30 GMT"},
    ),
    "throttled-429-date": (
        429,
        JSON,
        b'{"error": "too many requests"}',
        {"Retry-After": "Sat, 01 Jun 2024 12:00:02 GMT"},
    ),
    "server-500": (500, JSON, b'{"error": "internal server error"}', {}),
    "bad-gateway-html-502": (502, HTML, page("Bad Gateway"), {}),
    "unavailable-503": (503, JSON, b'{"error": "service unavailable"}', {"Retry-After": None}),
    "unavailable-503=7": (503, JSON, b'{"error": "service unavailable"}', {"Retry-After": "7"}),
    "html-200": (200, HTML, page("Sign in"), {}),
    "empty-200": (200, None, b"", {"Content-Length": "0"}),
    "redirect-307": (307, HTML, page("Moved"), {"Location": "http://127.0.0.1:9/elsewhere"}),
    "redirect-307=https://example.com/": (307, HTML, page("Moved"), {"Location": "https://example.com/"}),
    "outage": (503, HTML, page("Service Unavailable"), {}),
}


@scenario(*(name for name in PLAIN_FAULTS if "=" not in name))
@pytest.mark.parametrize("name", PLAIN_FAULTS)
@pytest.mark.parametrize("way", ["statements", "track", "read"])
def test_a_plain_fault_answers_everything_and_stores_nothing(name: str, way: str) -> None:
    with Sandbox(clock=lambda: NOW) as sandbox:
        partner = Partner(sandbox)
        sandbox.set_scenario(name)
        answer = {
            "statements": lambda: partner.send(statements(2)),
            "track": lambda: partner.track(record()),
            "read": partner.read,
        }[way]()
        status, content_type, body, headers = PLAIN_FAULTS[name]

        assert (answer.status, answer.headers["Content-Type"], answer.body) == (status, content_type, body)
        assert {header: answer.headers[header] for header in headers} == headers
        assert (sandbox.statements, sandbox.track) == ([], [])


def test_an_outage_reaches_the_token_endpoint(sandbox: Sandbox) -> None:
    sandbox.set_scenario("outage")

    assert send_json(sandbox.token_url, CREDENTIALS).status == 503


@scenario("forbidden-once")
def test_forbidden_once(partner: Partner) -> None:
    partner.sandbox.set_scenario("forbidden-once")

    assert [partner.send(statement()).status for _ in range(3)] == [403, 200, 200]


@scenario("refuse-organization")
@pytest.mark.parametrize(
    ("name", "expected"),
    [("refuse-organization", [200, 403, 403]), ("refuse-organization=org-1", [200, 403, 200])],
)
def test_an_organization_is_refused_alone(sandbox: Sandbox, name: str, expected: list[int]) -> None:
    sandbox.set_scenario(name)
    answers = [
        Partner(sandbox, "demo", organization).send(statement(number))
        for number, organization in enumerate((None, "org-1", "org-2"), start=1)
    ]

    assert [answer.status for answer in answers] == expected


@scenario("bad-request-one")
def test_a_batch_with_a_bad_statement_is_refused_until_it_is_alone(partner: Partner) -> None:
    partner.sandbox.set_scenario("bad-request-one=3")
    whole = partner.send(statements(4))
    parts = [partner.send(statements(2)).status, partner.send(statements(2, first=3)).status]
    alone = [partner.send(statement(number)).status for number in (3, 4, 3)]

    assert (whole.status, whole.json) == (400, {"error": "Malformed xAPI"})
    assert (parts, alone) == ([200, 400], [400, 200, 400])
    assert numbers(partner.sandbox) == [1, 2, 4]


def test_a_bad_statement_may_be_named_by_a_text(partner: Partner) -> None:
    partner.sandbox.set_scenario("bad-request-one=bob@example.com")
    bob = statement(2, actor={"mbox": "mailto:bob@example.com"})

    assert [partner.send(content).status for content in ([statement(), bob], statement(), bob)] == [400, 200, 400]


@scenario("conflict-409")
def test_a_batch_with_a_repeat_is_refused_whole(partner: Partner) -> None:
    partner.sandbox.set_scenario("conflict-409")

    assert [partner.send(content).status for content in (statement(1), statements(2), statement(2))] == [200, 409, 200]
    assert numbers(partner.sandbox) == [1, 2]


@scenario("too-large-413")
@pytest.mark.parametrize(("name", "limit"), [("too-large-413", 10), ("too-large-413=1", 1)])
def test_larger_batches_are_refused(partner: Partner, name: str, limit: int) -> None:
    partner.sandbox.set_scenario(name)

    assert [partner.send(statements(count)).status for count in (limit + 1, limit)] == [413, 200]
    assert len(partner.sandbox.statements) == limit


ONE, TWO, THREE = (str(UUID(int=number)) for number in (1, 2, 3))
REFUSED = "the statement was refused"
PARTIAL_BODIES: dict[str, Any] = {
    "207-list-index": [
        {"index": 0, "status": 200},
        {"index": 1, "status": 400, "error": REFUSED},
        {"index": 2, "status": 200},
    ],
    "207-list-id": [
        {"id": ONE, "status": 200},
        {"id": TWO, "status": 400, "message": REFUSED},
        {"id": THREE, "status": 200},
    ],
    "207-object-list": {
        "statements": [
            {"statementId": ONE, "success": True},
            {"statementId": TWO, "success": False, "error": {"code": 400, "message": REFUSED}},
            {"statementId": THREE, "success": True},
        ]
    },
    "207-object-map": {ONE: {"status": 200}, TWO: {"status": 400, "error": REFUSED}, THREE: {"status": 200}},
    "207-errors-only": {"errors": [{"index": 1, "id": TWO, "status": 400, "message": REFUSED}]},
}


@scenario(*PARTIAL_BODIES)
@pytest.mark.parametrize("name", PARTIAL_BODIES)
def test_some_statements_are_refused_and_named(partner: Partner, name: str) -> None:
    partner.sandbox.set_scenario(f"{name}=2")
    answer = partner.send(statements(3))

    assert (answer.status, answer.json) == (207, PARTIAL_BODIES[name])
    assert numbers(partner.sandbox) == [1, 3]
    assert [partner.send(statement(number)).status for number in (1, 2, 3)] == [200, 207, 200]


@scenario("unknown-users", "unknown-users-404")
@pytest.mark.parametrize(("name", "status"), [("unknown-users", 400), ("unknown-users-404", 404)])
def test_unknown_learners_are_refused_by_name(partner: Partner, name: str, status: int) -> None:
    partner.sandbox.set_scenario(f"{name}=bob@example.com|E-7")
    bob = statement(2, actor={"mbox": "mailto:Bob@example.com"})
    seven = statement(3, actor={"account": {"homePage": "https://lms.example.com", "name": "E-7"}})
    batch = partner.send([statement(1), bob, seven])
    words = [f'User "{user}" was not found' for user in ("Bob@example.com", "E-7")]

    assert (batch.status, batch.json) == (
        207,
        [
            {"id": ONE, "status": 200},
            {"id": TWO, "status": status, "message": words[0]},
            {"id": THREE, "status": status, "message": words[1]},
        ],
    )
    alone = [partner.send(content) for content in (bob, [seven])]
    assert [(one.status, one.json) for one in alone] == [(status, {"error": one}) for one in words]
    told = [partner.track(record(user=user)) for user in ("E-7", "ada@example.com")]
    assert [(one.status, one.json) for one in told] == [(status, {"error": words[1]}), (200, {"status": "accepted"})]
    assert (numbers(partner.sandbox), len(partner.sandbox.track)) == ([1], 1)
    partner.sandbox.set_scenario("ok")
    assert partner.send([bob, seven]).status == 200


@scenario("207-unreadable")
def test_some_statements_are_refused_and_not_named(partner: Partner) -> None:
    partner.sandbox.set_scenario("207-unreadable")
    answer = partner.send(statements(3))

    assert (answer.status, answer.body) == (207, b"Some statements could not be processed.")
    assert numbers(partner.sandbox) == [1, 2]


def test_a_refusal_may_be_for_the_first_try_only(partner: Partner) -> None:
    partner.sandbox.set_scenario("207-list-index=2-once")

    assert [partner.send(statements(2)).json[1] for _ in range(2)] == [
        {"index": 1, "status": 503, "error": "temporarily not available"},
        TWO,
    ]
    assert numbers(partner.sandbox) == [1, 2]


@scenario("slow", "slow-headers")
@pytest.mark.parametrize("name", ["slow", "slow-headers"])
def test_a_slow_answer_arrives_in_single_bytes(name: str) -> None:
    with Sandbox() as sandbox:
        partner = Partner(sandbox)
        sandbox.set_scenario(f"{name}=0.001")
        answer = partner.send(statement())

    assert (answer.status, answer.json) == (200, [ONE])
    assert SCENARIOS[name].argument == "1"


def raw(partner: Partner, content: Any) -> socket.socket:
    """Send a request on a bare socket and return it unread."""
    parts = urlsplit(partner.url)
    body = json.dumps(content).encode()
    head = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in {**partner.headers, "Content-Type": JSON}.items()]
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    return connection


@scenario("huge")
def test_a_huge_answer_goes_on_as_long_as_somebody_reads(partner: Partner) -> None:
    partner.sandbox.set_scenario("huge")
    with raw(partner, statement()) as connection, connection.makefile("rb") as answer:
        head = answer.readline()
        read = len(answer.read(5_000_000))

    assert (head, read) == (b"HTTP/1.1 200 OK\r\n", 5_000_000)
    assert partner.sandbox.statements == []


@scenario("gzip-bomb")
def test_a_bomb_is_small_on_the_wire_and_large_unpacked(partner: Partner) -> None:
    partner.sandbox.set_scenario("gzip-bomb")
    answer = partner.send(statement())
    first = zlib.decompressobj(wbits=31)

    assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
    assert len(answer.body) < 1_100_000
    assert len(first.decompress(answer.body)) == 10 * 1024 * 1024
    assert answer.body.count(gzip.compress(b"", mtime=0)[:4]) == 100


@scenario("stall", "token-stall")
@pytest.mark.parametrize("name", ["stall", "token-stall"])
def test_a_stalled_request_is_never_answered(partner: Partner, name: str) -> None:
    partner.sandbox.set_scenario(name)
    url = partner.url if name == "stall" else partner.sandbox.token_url
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=0.2)
    connection.request("POST", parts.path, json.dumps(CREDENTIALS), {"Content-Type": JSON})
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()

    assert partner.sandbox.requests[-1].status is None
    assert partner.sandbox.statements == []


def test_a_stalled_connection_may_be_cut_after_a_while(partner: Partner) -> None:
    partner.sandbox.set_scenario("stall=0.01")

    with pytest.raises(http.client.RemoteDisconnected):
        partner.send(statement())


STORED_AFTER_RESET = {"reset": [], "reset-after-reading": [], "lost-answer": [1, 2]}


@scenario(*STORED_AFTER_RESET)
@pytest.mark.parametrize("name", STORED_AFTER_RESET)
def test_a_reset_connection(partner: Partner, name: str) -> None:
    partner.sandbox.set_scenario(name)

    # Where the request is still on its way, its sender notices first.
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        partner.send(statements(2))
    assert numbers(partner.sandbox) == STORED_AFTER_RESET[name]
    assert partner.sandbox.requests[-1].status is None
    assert partner.sandbox.requests[-1].items == (0 if name == "reset" else 2)


def outcomes(seed: int, text: str) -> list[int | None]:
    """The statuses that forty requests meet."""
    with Sandbox(text, seed=seed) as sandbox:
        for number in range(1, 41):
            try:
                token = {"Authorization": f"Bearer {sandbox.application.percipio.tokens.issue('a', 'b')}"}
                headers = {**token, "X-Experience-API-Version": "1.0.3"}
                send_json(sandbox.statements_url("demo"), statement(number), headers)
            except (OSError, http.client.HTTPException):
                continue
        return [request.status for request in sandbox.requests]


@scenario("flaky")
def test_chance_is_repeatable() -> None:
    text = "flaky=0.5+reset+server-500+207-list-id=2"
    first = outcomes(1, text)

    assert first == outcomes(1, text)
    assert set(first) == {None, 200, 207, 500}
    assert outcomes(2, text) != first


@pytest.mark.parametrize(("text", "status"), [("flaky=0", 200), ("flaky=1+server-500", 500)])
def test_chance_has_its_bounds(text: str, status: int) -> None:
    assert set(outcomes(0, text)) == {status}


def test_every_statement_gets_through_a_flaky_percipio(partner: Partner) -> None:
    partner.sandbox.set_scenario("flaky=0.5")
    for number in range(1, 31):
        for _ in range(100):
            try:
                answer = partner.send(statement(number))
                if answer.status == 401:
                    partner.renew()
            except (OSError, http.client.HTTPException):
                continue
            if number in numbers(partner.sandbox):
                break

    assert numbers(partner.sandbox) == list(range(1, 31))


REFUSALS = {"content-400": 400, "content-401": 401, "content-403": 403, "content-404": 404, "content-500": 500}


@scenario(*REFUSALS)
@pytest.mark.parametrize("name", REFUSALS)
def test_items_are_refused_and_tracking_is_well(partner: Partner, name: str) -> None:
    partner.sandbox.set_scenario(name)
    assert (partner.offer(item()).status, partner.sandbox.content) == (REFUSALS[name], [])
    assert (partner.send(statement()).status, partner.track(record()).status) == (200, 200)
    partner.sandbox.set_scenario(f"{name}=Cloud")
    assert partner.offer(item()).status == REFUSALS[name]
    assert partner.offer(item(content_id="course:Demo+Y", title="Law")).status == 200
    assert [one["title"] for one in partner.sandbox.content] == ["Law"]


@scenario("content-409")
def test_an_item_that_is_known_is_a_conflict(partner: Partner) -> None:
    partner.sandbox.set_scenario("content-409")
    first, again = partner.offer(item()), partner.offer(item(title="Another"))
    other = Partner(partner.sandbox, organization="org-2").offer(item())

    assert (first.status, again.status, other.status) == (200, 409, 200)
    assert [one["title"] for one in partner.sandbox.content] == [item()["title"]] * 2


@scenario("content-429")
def test_imports_are_throttled_alone(partner: Partner) -> None:
    partner.sandbox.set_scenario("content-429=7:1")
    assert partner.send(statement()).status == 200
    refused, taken = partner.offer(item()), partner.offer(item())

    assert (refused.status, refused.headers["Retry-After"], taken.status) == (429, "7", 200)


def test_every_scenario_is_tested() -> None:
    assert set(SCENARIOS) == TESTED


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_page_and_the_controls_stay_well(name: str) -> None:
    with Sandbox(name) as sandbox:
        answers: list[Reply] = [ask(sandbox.url + path) for path in ("/", "/_sandbox/state")]

    assert [answer.status for answer in answers] == [200, 200]
