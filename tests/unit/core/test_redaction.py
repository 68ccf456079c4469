"""Foreign text without anything personal or secret in it, and fit for any column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.redaction import fitted, message_of, redacted

ANY_TEXT = st.text(st.characters(exclude_categories=()))
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
    assert message_of(b"you sent s3cret!", ("s3cret!", "")) == "you sent …"


def test_length() -> None:
    assert message_of(b"ab " * 10_000) == ("ab " * 333).strip()


@given(st.binary(max_size=3000))
def test_any_bytes_become_one_short_line(body: bytes) -> None:
    words = message_of(body)
    assert len(words) <= 1000
    assert words == " ".join(words.split())


@given(st.emails(), st.text(max_size=50))
def test_no_email_gets_through(email: str, around: str) -> None:
    assert email not in redacted(f"{around} {email} {around}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zoë, 講座, עִבְרִית", "Zoë, 講座, עִבְרִית"),
        ("half \ud83d", "half \ufffd"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("a face \U0001f62c", "a face \ufffd"),
        ("a\x00b", "a\ufffdb"),
        ("", ""),
    ],
)
def test_what_no_column_takes_is_replaced(text: str, expected: str) -> None:
    assert fitted(text) == expected


def test_what_is_too_long_is_cut() -> None:
    assert fitted("\U0001f62c" * 50, 20) == "\ufffd" * 20


@given(ANY_TEXT, st.integers(0, 30))
def test_any_text_fits(text: str, longest: int) -> None:
    found = fitted(text, longest)
    assert len(found) == min(len(text), longest)
    # As MySQL's utf8mb3 and PostgreSQL take it.
    assert max(map(len, map(str.encode, found)), default=0) <= 3
    assert "\x00" not in found


@given(ANY_TEXT)
def test_words_are_unicode_before_anybody_prints_them(text: str) -> None:
    redacted(text).encode()
    message_of(text.encode("utf-8", "surrogatepass")).encode()
