"""Whatever the token endpoint says, it ends in a token or in a typed error that does not quote the secret."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.config import Configuration
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.exchange import Reply
from percipio_openedx.delivery.outcomes import DeliveryError
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.secret import Secret

SECRET = "canary-secret"
CONFIGURATION = Configuration(
    site_id=1,
    api=Api.STATEMENTS,
    api_url="https://api.example.com",
    token_url="https://token.example.com",
    partner="acme",
    organization="",
    client_id="client",
    client_secret=Secret(SECRET),
)


def fetched(status: int, body: bytes, headers: dict[str, str] | None = None) -> tokens.Token:
    """Fetch a token from an endpoint that answers so."""
    with patch.object(tokens, "exchange", return_value=Reply(status, headers or {}, body, 0.1)):
        return tokens.fetch(CONFIGURATION)


def test_a_token() -> None:
    token = fetched(200, b'{"access_token": "abc", "expires_in": 100, "token_type": "Bearer"}')
    assert token.value == Secret("abc")
    assert token.is_fresh()


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, b'{"error": "invalid_client"}', Outcome.UNAUTHORIZED),
        (401, b"", Outcome.UNAUTHORIZED),
        (403, b"<html>", Outcome.UNAUTHORIZED),
        (404, b"", Outcome.UNAUTHORIZED),
        (409, b"", Outcome.UNAUTHORIZED),
        (429, b"", Outcome.LATER),
        (301, b"", Outcome.LATER),
        (204, b"", Outcome.LATER),
        (500, b"", Outcome.LATER),
        (200, b"", Outcome.LATER),
        (200, b"<html>", Outcome.LATER),
        (200, b"[]", Outcome.LATER),
        (200, b"{}", Outcome.LATER),
        (200, b'{"access_token": 5}', Outcome.LATER),
        (200, b'{"access_token": ""}', Outcome.LATER),
        (200, b'{"access_token": "a\\r\\nX-Evil: 1"}', Outcome.LATER),
    ],
)
def test_refusals(status: int, body: bytes, outcome: Outcome) -> None:
    with pytest.raises(DeliveryError) as raised:
        fetched(status, body)
    assert (raised.value.answer.outcome, raised.value.answer.status) == (outcome, status)


def test_words_and_retry_after_without_the_secret() -> None:
    with pytest.raises(DeliveryError) as raised:
        fetched(429, f"client {SECRET} is too fast".encode(), {"Retry-After": "7"})
    assert (raised.value.answer.message, raised.value.answer.retry_after) == (
        "token endpoint, 429: client … is too fast",
        7.0,
    )


ODD: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(
    st.sampled_from([200, 201]) | st.integers(100, 599),
    st.dictionaries(st.sampled_from(["access_token", "expires_in", "token_type", "x"]), ODD) | ODD,
)
def test_no_json_breaks_it(status: int, answer: Any) -> None:
    _ends_well(status, json.dumps(answer).encode())


@given(st.integers(100, 599), st.binary())
def test_no_bytes_break_it(status: int, body: bytes) -> None:
    _ends_well(status, body)


def _ends_well(status: int, body: bytes) -> None:
    try:
        token = fetched(status, body)
    except DeliveryError as error:
        assert SECRET not in str(error)
    else:
        assert token.until > 0
