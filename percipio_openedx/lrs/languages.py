"""Which entry of a language map a reader wants (RFC 2616 section 14.4, applied to each map by itself)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from percipio_openedx.statements.vocabulary import FALLBACK_LANGUAGE

MOST_RANGES: Final = 50
_RANGE: Final = re.compile(
    r"\s*(?P<tag>\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*(?P<q>[01](?:\.\d{0,3})?)\s*)?"
)

Preferences = tuple[tuple[str, float], ...]


def preferences(header: str) -> Preferences:
    """The language ranges of an Accept-Language header with their qualities; what cannot be read is left out."""
    found = []
    for part in header.split(",")[:MOST_RANGES]:
        match = _RANGE.fullmatch(part)
        if match:
            found.append((match["tag"].lower(), min(1.0, float(match["q"] or 1))))
    return tuple(found)


def chosen(texts: Mapping[str, Any], wanted: Preferences) -> dict[str, Any]:
    """The one entry of a language map that suits best; where none is acceptable, the fallback's or the first."""
    if len(texts) < 2:
        return dict(texts)
    tag = max(texts, key=lambda each: (quality(each, wanted), each == FALLBACK_LANGUAGE))
    return {tag: texts[tag]}


def quality(tag: str, wanted: Preferences) -> float:
    """How well a language is liked, from 0 to 1: by the longest range that it begins with, else by ``*``."""
    tag = tag.lower()
    best, liked = -1, 0.0
    for language, q in wanted:
        length = 0 if language == "*" else len(language)
        if length > best and (language in ("*", tag) or tag.startswith(f"{language}-")):
            best, liked = length, q
    return liked
