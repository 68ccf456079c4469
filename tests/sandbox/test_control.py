"""The sandbox's own addresses: state, lines, scenario, reset, page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from percipio_sandbox import Sandbox
from percipio_sandbox.scenarios.catalog import SCENARIOS
from tests.sandbox.sending import Partner, ask, item, record, send_json, statement, statements

EMPTY_STATE = {
    "scenario": "ok",
    "in_force": "ok",
    "requests": {"total": 0, "by_status": {}, "by_endpoint": {}},
    "tokens": {"issued": 0},
    "statements": {
        "stored": 0,
        "kept": 0,
        "repeated": 0,
        "by_verb": {},
        "by_partner": {},
        "by_organization": {},
    },
    "track": {"stored": 0, "kept": 0, "out_of_order": 0, "by_status": {}},
    "content": {"items": 0, "updated": 0, "repeated": 0, "by_organization": {}},
}


def lines(sandbox: Sandbox, path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ask(f"{sandbox.url}/_sandbox/{path}").body.splitlines()]


def test_the_state_counts_what_came(sandbox: Sandbox) -> None:
    before = ask(f"{sandbox.url}/_sandbox/state").json
    partner = Partner(sandbox)
    partner.send(statements(2))
    partner.send({})
    partner.track(record())
    partner.offer(item())
    ask(sandbox.url + "/nowhere")

    assert before == EMPTY_STATE
    assert ask(f"{sandbox.url}/_sandbox/state").json == {
        "scenario": "ok",
        "in_force": "ok",
        "requests": {
            "total": 6,
            "by_status": {"200": 4, "400": 1, "404": 1},
            "by_endpoint": {"content": 1, "statements": 2, "token": 1, "track": 1, "unknown": 1},
        },
        "tokens": {"issued": 1},
        "statements": {
            "stored": 2,
            "kept": 2,
            "repeated": 0,
            "by_verb": {"http://adlnet.gov/expapi/verbs/completed": 2},
            "by_partner": {"demo": 2},
            "by_organization": {"": 2},
        },
        "track": {"stored": 1, "kept": 1, "out_of_order": 0, "by_status": {"completed": 1}},
        "content": {"items": 1, "updated": 0, "repeated": 0, "by_organization": {"org-1": 1}},
    }


def test_what_is_held_is_served_as_json_lines(sandbox: Sandbox) -> None:
    Partner(sandbox, "demo", "org-1").send(statements(3))
    Partner(sandbox).track(record())
    first, *others = lines(sandbox, "statements")
    (track,) = lines(sandbox, "track")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first.pop("received"))
    assert first == {
        "kind": "statement",
        "partner": "demo",
        "organization": "org-1",
        "client_id": "academy",
        "body": statement(1),
    }
    assert (len(others), track["kind"], track["organization"], track["body"]) == (2, "track", None, record())
    assert [line["body"] for line in lines(sandbox, "statements?last=1")] == [statement(3)]
    assert lines(sandbox, "statements?last=0") == []


def test_the_scenario_is_set_over_http(partner: Partner) -> None:
    url = partner.sandbox.url
    answer = send_json(f"{url}/_sandbox/scenario", {"scenario": "server-500:1"})

    assert (answer.status, answer.json) == (200, {"scenario": "server-500:1"})
    assert [partner.send(statement()).status for _ in range(2)] == [500, 200]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"scenario": "server-500=1"}, "the scenario 'server-500' takes no argument"),
        ({"scenario": 1}, 'send {"scenario": "NAME"}'),
        ({}, 'send {"scenario": "NAME"}'),
        ([], 'send {"scenario": "NAME"}'),
    ],
)
def test_a_wrong_scenario_is_refused_over_http(sandbox: Sandbox, content: Any, error: str) -> None:
    answer = send_json(f"{sandbox.url}/_sandbox/scenario", content)

    assert (answer.status, answer.json) == (400, {"error": error})


def test_reset_forgets_everything_and_starts_the_scenario_anew(partner: Partner) -> None:
    sandbox = partner.sandbox
    sandbox.set_scenario("forbidden:1")
    partner.send(statement())
    partner.send(statement())
    answer = send_json(f"{sandbox.url}/_sandbox/reset", {})

    assert (answer.status, answer.json) == (200, {"reset": True})
    assert sandbox.state == {**EMPTY_STATE, "scenario": "forbidden:1", "in_force": "forbidden"}
    assert (sandbox.requests, sandbox.statements) == ([], [])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "scenario", 405),
        ("POST", "state", 405),
        ("GET", "nothing", 404),
        ("POST", "reset", 415),
        ("POST", "scenario", 415),
        ("GET", "statements?last=x", 400),
        ("HEAD", "state", 200),
    ],
)
def test_a_wrong_request_is_refused(sandbox: Sandbox, method: str, path: str, status: int) -> None:
    assert ask(f"{sandbox.url}/_sandbox/{path}", method).status == status


def test_the_scenarios_are_told(sandbox: Sandbox) -> None:
    reported = ask(f"{sandbox.url}/_sandbox/scenarios").json

    assert [scenario["name"] for scenario in reported] == list(SCENARIOS)
    assert reported[1] == {
        "name": "flaky",
        "description": "each request may meet a fault, chosen by chance from those that pass",
        "concerns": "all requests",
        "argument": "0.3",
        "meaning": "the probability, and optionally the faults to choose from: 0.2+reset+207-list-id=5",
    }


def test_the_page_is_whole_and_lets_nothing_foreign_run(sandbox: Sandbox) -> None:
    answer = ask(sandbox.url + "/")
    page = answer.body.decode()
    policy = answer.headers["Content-Security-Policy"]
    (nonce,) = set(re.findall(r'nonce="([^"]+)"', page))

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert policy.startswith(f"default-src 'none'; connect-src 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-")
    assert policy.endswith("; frame-ancestors http://127.0.0.1:* http://localhost:*")
    assert nonce not in ask(sandbox.url + "/").body.decode()
    assert re.findall(r"(?:src|href)=\"(?!data:,)", page) == []
    assert "innerHTML" not in page
    assert "<h1>Percipio sandbox</h1>" in page


def test_the_page_asks_for_addresses_that_exist(sandbox: Sandbox) -> None:
    page = ask(sandbox.url + "/").body.decode()
    asked = set(re.findall(r'(?:get|post|linesOf)\("([a-z]+)"', page))

    assert asked == {"state", "statements", "track", "content", "scenarios", "scenario", "reset"}
    for path in asked - {"scenario", "reset"}:
        assert ask(f"{sandbox.url}/_sandbox/{path}").status == 200
    for path in ("scenario", "reset"):
        assert send_json(f"{sandbox.url}/_sandbox/{path}", {"scenario": "ok"}).status == 200
