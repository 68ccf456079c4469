"""Scenarios one after the other: how a plan is written and how it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_sandbox import Sandbox, ScenarioError
from percipio_sandbox.percipio import utc_now
from percipio_sandbox.scenarios.catalog import SCENARIOS, describe_all
from percipio_sandbox.scenarios.plan import Plan
from tests.sandbox.sending import CREDENTIALS, Partner, send_json, statement


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server-500:3", [500, 500, 500, 200, 200]),
        ("server-500:1,unavailable-503=9:2", [500, 503, 503, 200, 200]),
        ("ok:1, server-500:1", [200, 500, 200, 200, 200]),
        ("server-500:0,forbidden:2", [403, 403, 200, 200, 200]),
        ("forbidden", [403, 403, 403, 403, 403]),
        ("token-500:2,server-500:1", [200, 200, 200, 200, 200]),
    ],
)
def test_steps_follow_each_other_by_count(partner: Partner, text: str, expected: list[int]) -> None:
    partner.sandbox.set_scenario(text)

    assert [partner.send(statement(number)).status for number in range(1, 6)] == expected


def test_a_step_counts_only_the_requests_that_it_concerns(partner: Partner) -> None:
    sandbox = partner.sandbox
    sandbox.set_scenario("token-500:1,server-500:1")
    seen = [
        partner.send(statement(1)).status,
        send_json(sandbox.token_url, CREDENTIALS).status,
        send_json(sandbox.token_url, CREDENTIALS).status,
        partner.send(statement(2)).status,
        partner.send(statement(3)).status,
    ]

    assert seen == [200, 500, 200, 500, 200]


@pytest.mark.parametrize("text", ["outage:30,forbidden:1", "unavailable-503:30s,forbidden:1"])
def test_a_step_may_last_for_a_time(text: str) -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)
    with Sandbox(clock=lambda: now) as sandbox:
        partner = Partner(sandbox)
        sandbox.set_scenario(text)
        seen = [partner.send(statement()).status]
        now += timedelta(seconds=29)
        seen.append(partner.send(statement()).status)
        now += timedelta(seconds=1)
        seen += [partner.send(statement()).status, partner.send(statement()).status]

    assert seen == [503, 503, 403, 200]


def test_the_state_says_what_is_in_force(partner: Partner) -> None:
    sandbox = partner.sandbox
    sandbox.set_scenario("forbidden:1,server-500:1")
    seen = [sandbox.state["in_force"]]
    for _ in range(2):
        partner.send(statement())
        seen.append(sandbox.state["in_force"])

    assert seen == ["forbidden", "server-500", "ok"]
    assert sandbox.state["scenario"] == "forbidden:1,server-500:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not NAME[=ARGUMENT][:COUNT]"),
        ("server-500,", "'' is not NAME[=ARGUMENT][:COUNT]"),
        ("server-500:", "'server-500:' is not NAME[=ARGUMENT][:COUNT]"),
        ("server-500:x", "'server-500:x' is not NAME[=ARGUMENT][:COUNT]"),
        ("server-500:1.5", "a count of requests is a whole number, not 1.5"),
        ("nonsense", f"unknown scenario 'nonsense'; known are {', '.join(SCENARIOS)}"),
        ("server-500=3", "the scenario 'server-500' takes no argument"),
        ("too-large-413=0", "the largest batch must be a number of at least 1, not '0'"),
        ("too-large-413=1.5", "the largest batch must be a whole number, not '1.5'"),
        ("207-list-id=0", "the interval must be a number of at least 1, not '0'"),
        ("slow=x", "the pause must be a number of at least 0, not 'x'"),
        ("flaky=2", "the probability must be at most 1, not 2"),
        ("flaky=0.5+nonsense", "unknown scenario 'nonsense'"),
    ],
)
def test_a_text_that_cannot_be_understood_is_refused(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Plan(text, 0, utc_now)

    assert str(caught.value) == message


@given(st.text() | st.from_regex(r"[a-z0-9=:,+.-]{0,30}") | st.sampled_from(sorted(SCENARIOS)).map("{}=5:3s".format))
def test_a_text_is_understood_or_refused(text: str) -> None:
    try:
        assert Plan(text, 0, utc_now).text == text
    except ScenarioError as error:
        assert str(error)


def test_a_refused_text_leaves_the_scenario_in_force(sandbox: Sandbox) -> None:
    sandbox.set_scenario("forbidden")
    with pytest.raises(ScenarioError):
        sandbox.set_scenario("nonsense")

    assert sandbox.state["scenario"] == "forbidden"


def test_the_list_for_a_terminal_names_every_scenario() -> None:
    named = [line.split()[0] for line in describe_all().splitlines() if not line.startswith(" ")]

    assert named == list(SCENARIOS)
