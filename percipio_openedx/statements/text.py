"""Make text written by people fit for a statement: no markup or controls, NFC, one line, bounded, harmless."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

from django.core.exceptions import SuspiciousOperation
from django.utils.html import strip_tags

ELLIPSIS: Final = "…"

# Controls (white space becomes blanks below), lone surrogates, byte order marks, noncharacters, and the embeddings,
# overrides and isolates that would reverse the page around the text. Joiners and direction marks stay: Persian, Indic
# scripts and emoji need them.
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}-{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(0x11))
    + "]"
)
# HTML's elements, and obsolete ones that browsers still know.
_ELEMENTS: Final = """
    a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink blockquote body br button
    canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset
    figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img
    input ins kbd keygen label legend li link main map mark marquee math menu meta meter nav noembed noframes noscript
    object ol optgroup option output p param picture plaintext pre progress q rp rt ruby s samp script search section
    select slot small source span strike strong style sub summary sup svg table tbody td template textarea tfoot th
    thead time title tr track tt u ul var video wbr xml xmp
"""
# What a browser treats as live: an element, a comment, a declaration, or any tag with attributes, since those run
# scripts whatever the element's name. A bare name that is not HTML's, such as ``<vector>``, does nothing.
_LIVE_TAG: Final = re.compile(
    rf"<(?=[/!?]?(?:{'|'.join(_ELEMENTS.split())})\b|!--|!doctype\b|[a-z][^\s/>]*[\s/]+[^\s/>])", re.IGNORECASE
)
# Dropped with its content; without an end it reaches to the end of the source, as in a browser.
_SILENT: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|svg|math|template|iframe|object|noscript|textarea|select|title)\b(?![^>]*/>)"
    r".*?(?:</\1\b[^>]*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
# Tags that end a word; all others vanish ("H<sub>2</sub>O" is "H2O").
_WORD_END: Final = re.compile(
    r"</?(?=(?:address|article|aside|blockquote|body|br|caption|dd|div|dl|dt|figcaption|figure|footer|form|h[1-6]|header"
    r"|hr|html|img|li|main|nav|ol|option|p|pre|script|section|style|summary|table|td|th|tr|ul|video|audio)\b)",
    re.IGNORECASE,
)
_MOST_SOURCE: Final = 20_000

# Code points that belong to the character before them: joiners, skin tones, tags of flags and Hangul's later letters.
# Marks are found by their category.
_CONTINUES: Final = re.compile("[\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u1160-\u11ff]")
# Flags are pairs of these.
_FLAG_LETTERS: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_LONGEST_CLUSTER: Final = 64
_VIRAMA: Final = 9


def text_of(source: str) -> str:
    """Return the text in the first 20,000 characters of HTML; none if ``strip_tags`` rejects it as an attack.

    Nor where Python's parser gives up: ``<![`` begins a section that it asserts to know.
    """
    source = _WORD_END.sub(r" \g<0>", _SILENT.sub(" ", source[:_MOST_SOURCE]))
    try:
        return html.unescape(strip_tags(source))
    except (SuspiciousOperation, AssertionError):
        return ""


def plain(text: str, limit: int) -> str:
    """Return one line of clean text of at most ``limit`` characters, cut at a word.

    What would act as HTML in a page without escaping gets a space after its ``<``; ``a < b`` and ``List<T>`` stay.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit and "<" not in text and "  " not in text:
        return text.strip()
    # Normalization turns a character into four at most.
    kept = " ".join(_UNWANTED.sub("", text).split())[: 4 * limit + _LONGEST_CLUSTER]
    return cut(_LIVE_TAG.sub("< ", unicodedata.normalize("NFC", kept)), limit)


def cut(text: str, limit: int) -> str:
    """Return at most ``limit`` characters, with an ellipsis if cut; never inside a cluster (Unicode Annex 29)."""
    return text if len(text) <= limit else _cut_at(text, limit - len(ELLIPSIS))


def cut_to_size(text: str, size: int) -> str:
    """Return at most ``size`` bytes of a text, as in JSON in UTF-8, cut like ``cut``; empty if nothing fits."""
    if json_size(text) <= size:
        return text
    room = size - json_size(ELLIPSIS)
    for count, character in enumerate(text):
        room -= json_size(character)
        if room < 0:
            return _cut_at(text, count)
    return text


def json_size(text: str) -> int:
    """Return the bytes of clean text in a JSON string in UTF-8: only quotation marks and backslashes are escaped."""
    return len(text.encode("utf-8", "surrogatepass")) + text.count('"') + text.count("\\")


def _cut_at(text: str, end: int) -> str:
    if end <= 0:
        return ""
    # An endless cluster is cut all the same.
    end = next((place for place in range(end, max(end - _LONGEST_CLUSTER, 0), -1) if not _belongs(text, place)), end)
    space = text.rfind(" ", 0, end + 1)
    return text[: space if space > end * 2 // 3 else end].rstrip() + ELLIPSIS


def _belongs(text: str, place: int) -> bool:
    before, here = text[place - 1], text[place]
    if unicodedata.category(here)[0] == "M" or _CONTINUES.match(here) or before == "\u200d":
        return True
    if unicodedata.combining(before) == _VIRAMA:
        return True
    return here in _FLAG_LETTERS and (place - len(text[:place].rstrip(_FLAG_LETTERS))) % 2 == 1
