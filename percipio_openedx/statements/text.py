"""Text written by people, made fit for a statement: no controls, NFC, one line, bounded, harmless in a web page."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from percipio_openedx.statements.markup import ELEMENTS

ELLIPSIS: Final = "…"

# Controls (those that are white space become spaces below), lone surrogates, byte order marks, the
# embeddings, overrides and isolates that would turn the page around the text, and the noncharacters. Joiners
# and direction marks stay: Persian, Indic scripts and emoji are spelt with them.
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}-{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(0x11))
    + "]"
)
_LIVE_TAG: Final = re.compile(rf"<(?=[/!?]?(?:{'|'.join(sorted(ELEMENTS))})\b|!--|!doctype\b)", re.IGNORECASE)
_ZWJ: Final = "\u200d"
_LONGEST_CLUSTER: Final = 64
_VIRAMA: Final = 9


def plain(text: str, limit: int) -> str:
    """One line of clean text of at most ``limit`` characters, cut at a word.

    What would act as HTML in a page that forgets to escape it gets a space after its ``<``; ``a < b`` and
    ``List<T>`` stay as they are.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit and "<" not in text and "  " not in text:
        return text.strip()
    kept = " ".join(_UNWANTED.sub("", text).split())
    return cut(_LIVE_TAG.sub("< ", unicodedata.normalize("NFC", kept)), limit)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters of a text, with an ellipsis where something is missing.

    The cut is at a word's end where one is near, and never inside a character that is made of several code points
    (Unicode Annex 29, in short).
    """
    return text if len(text) <= limit else _cut_at(text, limit - len(ELLIPSIS))


def cut_to_size(text: str, size: int) -> str:
    """At most ``size`` bytes of a text, as JSON in UTF-8 has them, cut like ``cut``; empty where nothing fits."""
    if json_size(text) <= size:
        return text
    room = size - json_size(ELLIPSIS)
    for count, character in enumerate(text):
        room -= json_size(character)
        if room < 0:
            return _cut_at(text, count)
    return text


def _cut_at(text: str, end: int) -> str:
    if end <= 0:
        return ""
    end = _boundary(text, end)
    space = text.rfind(" ", 0, end + 1)
    return text[: space if space > end * 2 // 3 else end].rstrip() + ELLIPSIS


def json_size(text: str) -> int:
    """Bytes of a text inside a JSON string in UTF-8. Only the quotation mark and the backslash are escaped in
    clean text.
    """
    return len(text.encode("utf-8", "surrogatepass")) + text.count('"') + text.count("\\")


def _boundary(text: str, end: int) -> int:
    """The last place at or before ``end`` between two whole characters; a chain that has no end is cut all the same."""
    for place in range(end, max(end - _LONGEST_CLUSTER, 0), -1):
        if not _belongs(text, place):
            return place
    return end


def _belongs(text: str, place: int) -> bool:
    """Whether the code point at ``place`` belongs to the character before it."""
    before, here = text[place - 1], text[place]
    if unicodedata.category(here) in {"Mn", "Mc", "Me"} or here == _ZWJ or before == _ZWJ:
        return True
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if "\U0001f3fb" <= here <= "\U0001f3ff" or "\U000e0020" <= here <= "\U000e007f" or "\u1160" <= here <= "\u11ff":
        return True
    return _is_flag_half(here) and _flag_halves_before(text, place) % 2 == 1


def _flag_halves_before(text: str, place: int) -> int:
    count = 0
    while count < place and _is_flag_half(text[place - 1 - count]):
        count += 1
    return count


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
