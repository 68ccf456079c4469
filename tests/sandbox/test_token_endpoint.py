"""Tokens: how they are asked for, whom they serve, when they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from percipio_sandbox import Sandbox
from percipio_sandbox.clients import Client
from tests.sandbox.sending import CREDENTIALS, Partner, ask, send_json, statement


def test_a_token_comes_with_its_lifetime(sandbox: Sandbox) -> None:
    answer = send_json(sandbox.token_url, CREDENTIALS)
    content = answer.json

    assert len(content.pop("access_token")) == 32
    assert (answer.status, content) == (200, {"token_type": "Bearer", "scope": "api", "expires_in": 36_000})


def test_form_encoding_is_refused_with_a_hint(sandbox: Sandbox) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask(sandbox.token_url, "POST", urlencode(CREDENTIALS).encode(), headers)

    assert (answer.status, answer.json) == (
        415,
        {"error": "Percipio takes the token request as application/json, not form-encoded"},
    )


MISSING = "must be a string that says something"


@pytest.mark.parametrize(
    ("changes", "error", "problems"),
    [
        ({"client_id": ""}, "invalid_request", [f"client_id: {MISSING}"]),
        ({"client_secret": None}, "invalid_request", [f"client_secret: {MISSING}"]),
        ({"scope": ["api"]}, "invalid_request", [f"scope: {MISSING}"]),
        ({"audience": "x"}, "invalid_request", ["audience: unknown field"]),
        ({"grant_type": "password"}, "unsupported_grant_type", ["grant_type must be client_credentials"]),
        ({"scope": "admin"}, "invalid_scope", ["scope must be api"]),
    ],
)
def test_a_malformed_request_is_refused(
    sandbox: Sandbox, changes: dict[str, Any], error: str, problems: list[str]
) -> None:
    answer = send_json(sandbox.token_url, {**CREDENTIALS, **changes})

    assert (answer.status, answer.json) == (400, {"error": error, "problems": problems})


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("PUT", 405)])
def test_tokens_are_asked_for_with_post(sandbox: Sandbox, method: str, status: int) -> None:
    assert ask(sandbox.token_url, method).status == status


@pytest.mark.parametrize("changes", [{"client_id": "campus"}, {"client_secret": "wrong"}])
def test_an_unknown_account_gets_no_token(changes: dict[str, str]) -> None:
    with Sandbox(clients=["academy:s3cret"]) as sandbox:
        answer = send_json(sandbox.token_url, {**CREDENTIALS, **changes})

    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("partner", "organization", "status"),
    [
        ("demo", "org-1", 200),
        ("demo", "org-2", 200),
        ("demo", None, 200),
        ("demo", "org-3", 403),
        ("other", None, 403),
        ("other", "org-1", 403),
    ],
)
def test_a_token_opens_its_own_partner_and_organizations(partner: str, organization: str | None, status: int) -> None:
    with Sandbox(clients=["academy:s3cret:demo:org-1:org-2", "campus:x:other"]) as sandbox:
        assert Partner(sandbox, partner, organization).send(statement()).status == status


def test_a_token_ends_with_its_lifetime() -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)

    with Sandbox(token_lifetime=60, clock=lambda: now) as sandbox:
        partner = Partner(sandbox)
        now += timedelta(seconds=59)
        before = partner.send(statement(1))
        now += timedelta(seconds=1)
        after = partner.send(statement(2))

    assert before.status == 200
    assert (after.status, after.json, after.headers["WWW-Authenticate"]) == (
        401,
        {"error": "invalid_token", "problems": ["the bearer token is unknown or expired"]},
        "Bearer",
    )


@pytest.mark.parametrize("value", [None, "", "Basic YTpi", "Bearer", "Bearer nonsense"])
def test_without_a_good_token_nothing_is_stored(partner: Partner, value: str | None) -> None:
    del partner.headers["Authorization"]
    answer = partner.send(statement(), **({} if value is None else {"Authorization": value}))

    assert answer.status == 401
    assert partner.sandbox.statements == []


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("a:b", Client("a", "b")),
        ("a:b:", Client("a", "b")),
        ("a:b:p", Client("a", "b", "p")),
        ("a:b:p:o1:o2", Client("a", "b", "p", ("o1", "o2"))),
    ],
)
def test_a_client_is_read_from_text(text: str, client: Client) -> None:
    assert Client.parse(text) == client


@pytest.mark.parametrize("text", ["", "a", "a:", ":b"])
def test_a_client_without_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a client is written ID:SECRET\[:PARTNER\[:ORGANIZATION\.\.\.\]\]$"):
        Client.parse(text)


def test_no_representation_shows_a_secret() -> None:
    assert repr(Client("a", "hidden")) == "Client(client_id='a', partner='', organizations=())"
