"""The formats of xAPI 1.0.3: UUID, IRI, mailbox, language tag and map, duration, timestamp, extensions."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from percipio_sandbox.validation.shapes import Check, is_a

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# RFC 3987 without its escapes: a scheme, then at least one character, none of which an IRI forbids.
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f-\x9f<>\"{}|\\^`\s]+")
_MAILBOX = re.compile(r"mailto:[^@\s<>,;?\"]+@[^@\s<>,;?\"]+")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
# RFC 5646 section 2.1, with the irregular tags that its grammar lists by name.
_LANGUAGE_TAG = re.compile(
    r"(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"  # language
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"  # script, region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*"  # extensions
    r"(?:-x(?:-[a-z0-9]{1,8})+)?"  # private use
    r"|x(?:-[a-z0-9]{1,8})+"
    r"|en-gb-oed|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)"
    r"|sgn-(?:be-fr|be-nl|ch-de)|art-lojban|cel-gaulish|no-(?:bok|nyn)"
    r"|zh-(?:guoyu|hakka|min|min-nan|xiang))",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"P(?:\d+W|(?=[\dT])(?:\d+Y)?(?:\d+M)?(?:\d+D)?"
    r"(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:[.,](?P<fraction>\d+))?S)?)?)",
    re.ASCII,
)
_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|(?!-00:00)[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def _matching(pattern: re.Pattern[str], what: str) -> Check:
    match = pattern.fullmatch

    def check_format(value: Any, path: str, problems: list[str]) -> None:
        if is_a(str, value, path, problems) and match(value) is None:
            problems.append(f"{path}: {what}")

    return check_format


check_uuid = _matching(_UUID, "must be a UUID in its standard form of 36 characters (Data 2.4.1)")
check_iri = _matching(_IRI, "must be an IRI with its scheme (Data 2.2)")
check_mailbox = _matching(_MAILBOX, 'must be "mailto:" and one email address (Data 2.4.2.3)')
check_sha1 = _matching(_SHA1, "must be a SHA-1 in 40 hexadecimal digits (Data 2.4.2.3)")
check_language_tag = _matching(_LANGUAGE_TAG, "must be a language tag of RFC 5646, as en-US (Data 4.2)")


def parse_timestamp(value: str) -> datetime | None:
    """Return the moment that an RFC 3339 text with a time zone names, or None when it names none."""
    if _TIMESTAMP.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def check_timestamp(value: Any, path: str, problems: list[str]) -> None:
    """Check a date and time with seconds and zone (Data 4.5); `-00:00` is not a zone there."""
    if is_a(str, value, path, problems) and parse_timestamp(value) is None:
        problems.append(f"{path}: must be an RFC 3339 date and time with its zone (Data 4.5)")


def check_duration(value: Any, path: str, problems: list[str]) -> None:
    """Check an ISO 8601 duration (Data 4.6): weeks alone, or years to seconds; 0.01 s at the finest."""
    if not is_a(str, value, path, problems):
        return
    match = _DURATION.fullmatch(value)
    if match is None:
        problems.append(f"{path}: must be an ISO 8601 duration, as PT1H30M (Data 4.6)")
    elif len(match["fraction"] or "") > 2:
        problems.append(f"{path}: must not be finer than 0.01 seconds (Data 4.6)")


def check_language_map(value: Any, path: str, problems: list[str]) -> None:
    """Check an object of language tags and texts (Data 4.2)."""
    if not is_a(dict, value, path, problems, "a language map"):
        return
    for tag, text in value.items():
        if _LANGUAGE_TAG.fullmatch(tag) is None:
            problems.append(f"{path}: {tag!r} is no language tag of RFC 5646 (Data 4.2)")
        is_a(str, text, f"{path}.{tag}", problems)


def check_extensions(value: Any, path: str, problems: list[str]) -> None:
    """Check that extensions are an object whose keys are IRIs; their values are free (Data 4.1)."""
    if not is_a(dict, value, path, problems):
        return
    for key in value:
        if _IRI.fullmatch(key) is None:
            problems.append(f"{path}: the key {key!r} must be an IRI (Data 4.1)")
