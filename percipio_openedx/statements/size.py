"""Frozen bytes, and the 16 KB rule."""

from __future__ import annotations

import json
from typing import Any, Final

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.text import cut_to_size, json_size
from percipio_openedx.statements.vocabulary import STATEMENT_LIMIT

# A description or name shorter than this says nothing any more, in bytes for each language.
_LEAST: Final = 40

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def frozen(statement: dict[str, Any], path: str = "statement") -> bytes:
    """The bytes that are kept and sent: JSON in UTF-8, keys sorted, no white space; equal for equal statements.

    Raises:
        StatementError: something in it is no JSON (a lone surrogate, NaN, an object that a filter step put
            in).
    """
    try:
        return _ENCODER.encode(statement).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:
        raise StatementError(path, f"cannot be written as JSON ({type(error).__name__})") from None


def fitted(statement: dict[str, Any], limit: int = STATEMENT_LIMIT) -> bytes:
    """The bytes of a statement of at most ``limit`` bytes, made smaller where it has to be.

    The description gives way first, then the name, then the last of the instructors; the facts never do.

    Arguments:
        statement: a normalised statement; its texts are replaced where they are too long.
        limit: bytes, Percipio's 16 KB by default.

    Raises:
        StatementError: the facts alone are larger.
    """
    body = frozen(statement)
    for shorten in (_shorten_description, _shorten_name, _drop_instructors):
        if len(body) <= limit:
            return body
        shorten(statement, len(body) - limit)
        body = frozen(statement)
    if len(body) > limit:
        raise StatementError("statement", f"is larger than {limit} bytes")
    return body


def _shorten_description(statement: dict[str, Any], excess: int) -> None:
    _shorten(statement, "description", excess, may_vanish=True)


def _shorten_name(statement: dict[str, Any], excess: int) -> None:
    _shorten(statement, "name", excess, may_vanish=False)


def _shorten(statement: dict[str, Any], field: str, excess: int, *, may_vanish: bool) -> None:
    """Take ``excess`` bytes from a language map of the course, the same from each language."""
    definition = statement.get("object", {}).get("definition", {})
    texts: dict[str, str] = definition.get(field, {})
    if not texts:
        return
    share = (sum(map(json_size, texts.values())) - excess) // len(texts)
    if share < _LEAST and may_vanish:
        del definition[field]
        return
    definition[field] = {language: cut_to_size(text, max(share, _LEAST)) for language, text in texts.items()}


def _drop_instructors(statement: dict[str, Any], excess: int) -> None:
    """Take instructors from the end until ``excess`` bytes are gone; a Group of none goes as a whole."""
    context = statement.get("context", {})
    members: list[Any] = context.get("instructor", {}).get("member", [])
    while members and excess > 0:
        excess -= len(frozen({"": members.pop()})) - len('{"":}') + len(",")
    if not members:
        context.pop("instructor", None)
