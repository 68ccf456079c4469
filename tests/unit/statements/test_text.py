"""Text for people: clean, bounded, cut between characters, and HTML made into text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from percipio_openedx.statements.text import cut, cut_to_size, json_size, plain, text_of

FAMILY = "👩‍👩‍👧"
ANY_TEXT = st.text(alphabet=st.characters(codec=None))


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("Cloud Foundations", "Cloud Foundations"),
        ("  two\t lines\r\n here ", "two lines here"),
        ("nul\x00 bell\x07 escape\x1b[31m", "nul bell escape[31m"),
        ("half \ud83d of a pair", "half of a pair"),
        ("Te\u0301le\u0301", "Télé"),
        ("\ufeffmark \u202eesrever\u202c", "mark esrever"),
        ("noncharacter \uffff\U0010ffff", "noncharacter"),
        ("می\u200cخواهم \u200fعربي", "می\u200cخواهم \u200fعربي"),
        (f"family {FAMILY}", f"family {FAMILY}"),
        ("a < b, List<T>, I <3 U, 1<2", "a < b, List<T>, I <3 U, 1<2"),
        ("<x/onclick=alert(1)>", "< x/onclick=alert(1)>"),
        ("<x onclick=alert(1)>", "< x onclick=alert(1)>"),
        ("<b>bold</b> <SCRIPT>x", "< b>bold< /b> < SCRIPT>x"),
        ("<!-- c --> <!DOCTYPE html>", "< !-- c --> < !DOCTYPE html>"),
        ("R&amp;D", "R&amp;D"),
        ("line\u2028separator\u00a0space", "line separator space"),
        ("", ""),
        ("\x00\x01", ""),
    ],
)
def test_plain(given_text: str, expected: str) -> None:
    assert plain(given_text, 255) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("no markup", "no markup"),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("H<sub>2</sub>O", "H2O"),
        ("Tom &amp; Jerry&nbsp;&#128512;", "Tom & Jerry 😀"),
        ("<script>if (a < b) alert('</p>')</script>after", "after"),
        ("<STYLE>p{}</STYLE >x", "x"),
        ("before<script>never closed", "before"),
        ("stray</script>after", "stray after"),
        ("<!-- <p>hidden</p> -->shown<!-- open", "shown"),
        ("<a href=\"x>y\" title='>'>link</a>", "link"),
        ("<img src=x onerror=alert(1)>text", "text"),
        ("<p class='open", "< p class='open"),
        ("a < b > c, 3<4", "a < b > c, 3<4"),
        ("<unknown attr>kept", "kept"),
        ("one<br>two<br/>three", "one two three"),
        ("Tom &amp Jerry &copy &bogus; &#xD800; &amp;lt;", "Tom & Jerry © &bogus; � &lt;"),
        ("<scr<script>ipt>alert(1)</script>", "<scr"),
        ("<svg><title>x</title></svg>after", "after"),
        ("<a" * 1000, ""),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "< script>alert(1)< /script>"),
        ("<?php echo 1 ?>x", "x"),
        ("<iframe src='x'/>after", "after"),
        ("<ul><li>a<li>b</ul>", "a b"),
        ("<b>before</b> <![@] after", ""),
    ],
)
def test_html_becomes_text(source: str, expected: str) -> None:
    assert plain(text_of(source), 1000) == expected


def test_hostile_html_costs_no_more_than_other() -> None:
    for source in ("<" * 200_000, "<script" * 50_000, "<a '" * 50_000, "<!--" * 50_000, "<p>" * 70_000, "&" * 200_000):
        assert len(text_of(source)) <= 100_000
        assert len(plain(source, 255)) <= 255


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 5, "short"),
        ("one two three", 9, "one two…"),
        ("one two three", 8, "one two…"),
        ("unbreakableword", 6, "unbre…"),
        ("日本語の文章です", 5, "日本語の…"),
        (f"ab{FAMILY}cd", 5, "ab…"),
        ("abe\u0302\u0301cd", 5, "ab…"),
        ("ab🇫🇷🇯🇵cd", 6, "ab🇫🇷…"),
        ("ab👍🏽cd", 4, "ab…"),
        ("abक्षcd", 5, "ab…"),
        ("ab\u1112\u1161\u11abcd", 5, "ab…"),
        ("anything", 1, ""),
        ("anything", 0, ""),
    ],
)
def test_cut(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("short", 5, "short"),
        ('"quoted"', 10, '"quoted"'),
        ('"quoted"', 9, '"quot…'),
        ("日本語の文章です", 15, "日本語の…"),
        ("日本語の文章です", 14, "日本語…"),
        ("ab👍", 5, "ab…"),
        ("anything", 3, ""),
    ],
)
def test_cut_to_size(text: str, size: int, expected: str) -> None:
    assert cut_to_size(text, size) == expected


@given(ANY_TEXT, st.integers(0, 300))
@example("e\u0301" * 200, 100)
@example("a" + "\u0301" * 500, 100)
def test_plain_text_is_clean_bounded_and_stays_so(text: str, limit: int) -> None:
    result = plain(text, limit)

    assert len(result) <= limit
    assert unicodedata.is_normalized("NFC", result)
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in result)
    assert result == result.strip()
    assert plain(result, limit) == result


@given(ANY_TEXT, st.integers(0, 60))
def test_what_is_cut_to_a_size_fits_and_is_a_beginning(text: str, size: int) -> None:
    clean = plain(text, 1000)
    result = cut_to_size(clean, size)

    assert json_size(result) <= size
    assert clean.startswith(result.removesuffix("…"))


@given(ANY_TEXT)
def test_no_source_breaks_the_reader_of_html(text: str) -> None:
    once = plain(text_of(text), 10_000)

    assert plain(once, 10_000) == once


@given(
    st.lists(
        st.sampled_from(
            ["<script>", "</script>", "<b", ">", "'", '"', "x", "<!--", "-->", "&lt;", "<svg/onload=x>", "<![", "@"]
        )
    )
)
def test_no_mixture_of_markup_leaves_a_live_tag(parts: list[str]) -> None:
    text = plain(text_of("".join(parts)), 1000).lower()

    assert "<script" not in text
    assert "<svg" not in text
    assert "<b>" not in text
