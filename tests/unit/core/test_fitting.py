"""Text from elsewhere is made fit for any column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.redaction import fitted, redacted, words_of

ANY_TEXT = st.text(st.characters(exclude_categories=()))


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
    words_of(text.encode("utf-8", "surrogatepass")).encode()
