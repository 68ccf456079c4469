"""HTML, as course teams write it, turned into text."""

from __future__ import annotations

import html
import re
from typing import Final

# The elements of HTML that are left out with all they hold.
_SILENT: Final = """
    applet audio canvas embed frame frameset head iframe math noembed noframes noscript object script select
    style svg template textarea title video xml xmp
"""
SILENT: Final = frozenset(_SILENT.split())
# Elements that end a word: their tags become a space; those of all others vanish ("H<sub>2</sub>O" is "H2O").
_BLOCKS: Final = """
    address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html img input legend li link main
    menu meta nav ol option p param pre search section source summary table tbody td tfoot th thead tr
    track ul wbr
"""
BLOCKS: Final = frozenset(_BLOCKS.split())
_INLINE: Final = """
    a abbr acronym area b base basefont bdi bdo big blink button cite code col colgroup data datalist del
    dfn em font i image ins kbd keygen label map mark marquee meter optgroup output picture plaintext
    progress q rp rt ruby s samp slot small span strike strong sub sup time tt u var
"""
INLINE: Final = frozenset(_INLINE.split())
ELEMENTS: Final = SILENT | BLOCKS | INLINE

# HTML source beyond this many characters is not read: the text is cut far below it.
_MOST_SOURCE: Final = 100_000
_TAG_START: Final = re.compile(r"<(?:(/?)([A-Za-z][A-Za-z0-9]*)(?=[\s/>])|(!--)|[!?])")


def text_of(source: str) -> str:
    """The text of an HTML fragment: no tags, no scripts, entities resolved.

    The source is read once from front to back, so hostile markup costs no more than any other. A ``<`` that
    begins no element of HTML is text: ``a < b``, ``List<T>``.
    """
    source = source[:_MOST_SOURCE]
    if "<" not in source:
        return html.unescape(source)
    return html.unescape("".join(_pieces(source)))


def _pieces(source: str) -> list[str]:
    pieces: list[str] = []
    place = 0
    while match := _TAG_START.search(source, place):
        pieces.append(source[place : match.start()])
        place = _after(source, match, pieces)
    pieces.append(source[place:])
    return pieces


def _after(source: str, match: re.Match[str], pieces: list[str]) -> int:
    """Where reading goes on after the markup that ``match`` begins; what it stands for goes to ``pieces``."""
    closing, name, comment = match[1], (match[2] or "").lower(), match[3]
    if comment:
        return _beyond(source, "-->", match.end())
    if name and name not in ELEMENTS:
        pieces.append(match[0])
        return match.end()
    end = _end_of_tag(source, match.end())
    if name in SILENT and not closing and source[end - 2 : end] != "/>":
        end = _after_element(source, name, end)
    if name in SILENT or name in BLOCKS:
        pieces.append(" ")
    return end


def _end_of_tag(source: str, place: int) -> int:
    """Behind the tag's ``>``; one inside a quoted attribute does not end the tag, and a browser drops a tag
    without end.
    """
    quote = ""
    for index in range(place, len(source)):
        character = source[index]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == ">":
            return index + 1
    return len(source)


def _after_element(source: str, name: str, place: int) -> int:
    match = re.compile(rf"</{name}\b[^>]*>?", re.IGNORECASE).search(source, place)
    return match.end() if match else len(source)


def _beyond(source: str, words: str, place: int) -> int:
    found = source.find(words, place)
    return len(source) if found < 0 else found + len(words)
