"""Normalize what event-routing-backends, tincan and filter steps produce to strict xAPI 1.0.3, and freeze it."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import Any, Final

import isodate

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.text import cut_to_size, json_size, plain
from percipio_openedx.statements.vocabulary import STATEMENT_LIMIT

# Bytes below which a description or name in one language is useless.
_LEAST: Final = 40
# Characters, far above what events carry: limits only what a filter step adds.
_LONGEST: Final = 4000

# Properties that an LRS sets, and the version, which a sender should omit (Data 2.4.8 to 2.4.10).
_NOT_OURS: Final = ("version", "stored", "authority", "attachments")

# Keys whose text is for people. An Agent's name is cleaned with the event, an account's is an identifier.
_LANGUAGE_MAPS: Final = frozenset({"name", "description", "display"})
_TEXTS: Final = frozenset({"platform", "revision"})
_EMPTY: Final[tuple[Any, ...]] = (None, "", {}, [])

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def normalize(statement: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Return a strict copy of a statement.

    Drops ``version`` (tincan writes 1.0.3 where only 1.0.0 is allowed), nulls and empty values; writes the time with
    milliseconds and ``Z``; normalizes durations and whole floats; cleans every text for people, never identifiers.

    Arguments:
        statement: as ``Statement.as_version()`` of tincan gives it.
        at: the time of the statement in UTC, see ``build.moment``.
    """
    kept = {key: value for key, value in statement.items() if key not in _NOT_OURS}
    kept["timestamp"] = stamp(at)
    if isinstance(result := kept.get("result"), dict):
        kept["result"] = result = dict(result)
        if isinstance(duration := result.get("duration"), str):
            result["duration"] = respelled(duration)
        if isinstance(score := result.get("score"), dict):
            result["score"] = {
                key: int(value) if isinstance(value, float) and value.is_integer() else value
                for key, value in score.items()
            }
    pruned: dict[str, Any] = _pruned(kept, "")
    return pruned


def _pruned(value: Any, key: str) -> Any:
    """Return a value without nulls and empty parts, except in extensions (Data 2.2 allows nulls there)."""
    if isinstance(value, dict) and key != "extensions":
        is_map = key in _LANGUAGE_MAPS
        parts = {name: _clean(part) if is_map else _pruned(part, name) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part not in _EMPTY}
    if isinstance(value, list):
        return [part for part in (_pruned(item, key) for item in value) if part not in _EMPTY]
    return _clean(value) if key in _TEXTS else value


def _clean(value: Any) -> Any:
    return plain(value, _LONGEST) if isinstance(value, str) else value


def stamp(at: datetime) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS.mmmZ`` of a moment in UTC (Data 4.5: at least milliseconds, with a zone)."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def respelled(text: str) -> str:
    """Return a duration of whole seconds, as tincan writes it, in one canonical form: ``PT30M``, ``PT25H``, ``PT0S``.

    LRSs compare durations as text (Data 2.3.1 with 4.6): ``PT30M`` and ``PT30M00S`` would be two statements.
    """
    minutes, seconds = divmod(int(isodate.parse_duration(text).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    return "PT" + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0S")


def frozen(statement: dict[str, Any], path: str = "statement") -> bytes:
    """Return the canonical bytes to store and send (UTF-8 JSON, sorted, compact); ``StatementError`` if not JSON."""
    try:
        return _ENCODER.encode(statement).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:
        raise StatementError(path, f"cannot be written as JSON ({type(error).__name__})") from None


def shortened(statement: dict[str, Any], limit: int = STATEMENT_LIMIT) -> bytes:
    """Return a statement's bytes, at most ``limit``, shortening it in place.

    Cuts the description first, then the name, then the last instructors; raises ``StatementError`` rather than cut
    facts.
    """
    body = frozen(statement)
    description = partial(_shorten, "description", may_vanish=True)
    name = partial(_shorten, "name", may_vanish=False)
    for shorten in (description, name, _drop_instructors):
        if len(body) <= limit:
            return body
        shorten(statement, len(body) - limit)
        body = frozen(statement)
    if len(body) > limit:
        raise StatementError("statement", f"is larger than {limit} bytes")
    return body


def _shorten(field: str, statement: dict[str, Any], excess: int, *, may_vanish: bool) -> None:
    """Remove ``excess`` bytes from a language map of the course, the same from each language."""
    definition = statement.get("object", {}).get("definition", {})
    texts: dict[str, str] = definition.get(field, {})
    if not texts:
        return
    progress = (sum(map(json_size, texts.values())) - excess) // len(texts)
    if progress < _LEAST and may_vanish:
        del definition[field]
        return
    definition[field] = {language: cut_to_size(text, max(progress, _LEAST)) for language, text in texts.items()}


def _drop_instructors(statement: dict[str, Any], excess: int) -> None:
    """Drop instructors from the end until ``excess`` bytes are gone, and the Group with the last one."""
    context = statement.get("context", {})
    members: list[Any] = context.get("instructor", {}).get("member", [])
    while members and excess > 0:
        excess -= len(frozen({"": members.pop()})) - len('{"":}') + len(",")
    if not members:
        context.pop("instructor", None)
