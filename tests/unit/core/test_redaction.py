"""Percipio's words without anything personal or secret in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.redaction import redacted, words_of

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Verb is missing", "Verb is missing"),
        ("<html><h1>Bad</h1>\r\n<p>Gateway</p></html>", "Bad Gateway"),
        ("no user jane.doe+x@example.com here", "no user … here"),
        ('"mbox": "mailto:jane@example.com"', '"mbox": "…"'),
        ('{"name": "Jane Doe", "id": 4}', '{"name": "…", "id": 4}'),
        ('{\\"name\\": \\"Jane Doe\\"}', '{"name": "…"}'),
        ('{\\"name\\": \\"Jane \\\\\\"JD\\\\\\" Doe\\", \\"id\\": 4}', '{"name": "…", "id": 4}'),
        ('{"access_token": "abc"}', '{"access_token": "…"}'),
        ("{'client_secret': 'abc'}", "{'client_secret': '…'}"),
        ("Bearer abcd1234 refused", "Bearer … refused"),
        (f"token {JWT} expired", "token … expired"),
        (
            "statement 0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a10 refused",
            "statement 0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a10 refused",
        ),
        ("learner%40example.com", "…"),
    ],
)
def test_redaction(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    assert words_of(b"you sent s3cret!", ("s3cret!", "")) == "you sent …"


def test_length() -> None:
    assert words_of(b"ab " * 10_000) == ("ab " * 333).strip()


@given(st.binary(max_size=3000))
def test_any_bytes_become_one_short_line(body: bytes) -> None:
    words = words_of(body)
    assert len(words) <= 1000
    assert words == " ".join(words.split())


@given(st.emails(), st.text(max_size=50))
def test_no_email_gets_through(email: str, around: str) -> None:
    assert email not in redacted(f"{around} {email} {around}")
