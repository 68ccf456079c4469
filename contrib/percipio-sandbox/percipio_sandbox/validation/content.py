"""Items of the Content Import API: the fields of Skillsoft's page "Importing Content"."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from percipio_sandbox.validation.formats import check_language_tag
from percipio_sandbox.validation.shapes import Check, Shape, array_of, check_text, describe, is_whole, passing

# Skillsoft's page limits the description alone; the others are bounded as any column is.
LONGEST_DESCRIPTION = 500
LONGEST_TEXT = 255
LONGEST_URL = 2000
MOST_TAGS = 100

_URL = re.compile(r"https://[^\x00-\x20\x7f-\x9f<>\"{}|\\^`\s]+")
_IMAGES = (".jpg", ".jpeg", ".png")


def _text_of(longest: int) -> Check:
    def check_length(value: Any, path: str, problems: list[str]) -> None:
        check_text(value, path, problems)
        if isinstance(value, str) and len(value) > longest:
            problems.append(f"{path}: has {len(value)} characters; {longest} are allowed")

    return check_length


def _check_content_id(value: Any, path: str, problems: list[str]) -> None:
    _text_of(LONGEST_TEXT)(value, path, problems)
    if isinstance(value, str) and (value != value.strip() or not value.isprintable()):
        problems.append(f"{path}: must be printable, without blanks at an end")


_check_seconds = passing(lambda value: is_whole(value) and value > 0, "a whole number of seconds above 0")


def _check_url(value: Any, path: str, problems: list[str]) -> None:
    _text_of(LONGEST_URL)(value, path, problems)
    if isinstance(value, str) and value.strip() and not _is_https(value):
        problems.append(f"{path}: must be a whole address that begins with https://")


def _is_https(text: str) -> bool:
    try:
        return _URL.fullmatch(text) is not None and bool(urlsplit(text).hostname)
    except ValueError:
        return False


def _check_thumbnail(value: Any, path: str, problems: list[str]) -> None:
    _check_url(value, path, problems)
    if isinstance(value, str) and _is_https(value):
        name = urlsplit(value).path.rpartition("/")[2].lower()
        if "." in name and not name.endswith(_IMAGES):
            problems.append(f"{path}: must be a JPG or a PNG")


def _check_tags(value: Any, path: str, problems: list[str]) -> None:
    array_of(_text_of(LONGEST_TEXT))(value, path, problems)
    if isinstance(value, list):
        if len(value) > MOST_TAGS:
            problems.append(f"{path}: has {len(value)} tags; {MOST_TAGS} are allowed")
        if len({str(tag) for tag in value}) < len(value):
            problems.append(f"{path}: names a tag twice")


_item_shape = Shape(
    {
        "content_id": _check_content_id,
        "title": _text_of(LONGEST_TEXT),
        "type": _text_of(LONGEST_TEXT),
        "duration": _check_seconds,
        "language": check_language_tag,
        "url": _check_url,
        "description": _text_of(LONGEST_DESCRIPTION),
        "tags": _check_tags,
        "thumbnail_url": _check_thumbnail,
        "author": _text_of(LONGEST_TEXT),
    },
    required=("content_id", "title", "type", "duration", "language", "url"),
)


def content_problems_of(item: Any, path: str = "item") -> list[str]:
    """Return everything that is wrong with an item of the catalog."""
    problems: list[str] = []
    if not isinstance(item, dict):
        return [f"{path}: must be one object, not {describe(item)}"]
    _item_shape(item, path, problems)
    return problems
