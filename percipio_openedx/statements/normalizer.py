"""What event-routing-backends, tincan and the site's filter steps leave, made into a strict xAPI 1.0.3 statement."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from percipio_openedx.statements import timing
from percipio_openedx.statements.text import plain

# Far above what events carry: these bind only what a filter step has put in.
_LONGEST: Final = 4000

# An LRS's own properties, and the version, which a sender should leave out (Data 2.4.8 to 2.4.10).
_NOT_OURS: Final = ("version", "stored", "authority", "attachments")


def normalize(statement: dict[str, Any], at: datetime) -> dict[str, Any]:
    """A statement without the liberties of the libraries it came through.

    Drops ``version`` (tincan would write 1.0.3 where 1.0.0 alone is allowed), nulls and empty values; writes
    the time with milliseconds and ``Z``; respells durations; makes whole numbers of whole floats; cleans
    every text for people. Identifiers are never changed.

    Arguments:
        statement: as ``Statement.as_version()`` of tincan gives it; it is not modified.
        at: the time of the statement in UTC, see ``timing.moment``.
    """
    kept = {key: value for key, value in statement.items() if key not in _NOT_OURS}
    kept["timestamp"] = timing.stamp(at)
    if isinstance(result := kept.get("result"), dict):
        kept["result"] = _result(result)
    pruned: dict[str, Any] = _pruned(kept, "")
    return pruned


def _result(result: dict[str, Any]) -> dict[str, Any]:
    changed = dict(result)
    if isinstance(duration := changed.get("duration"), str):
        changed["duration"] = timing.respelt(duration)
    if isinstance(score := changed.get("score"), dict):
        changed["score"] = {key: _number(value) for key, value in score.items()}
    return changed


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _pruned(value: Any, key: str) -> Any:
    """A value without nulls and empty parts; extensions are taken as they are (Data 2.2: nulls are allowed there)."""
    if isinstance(value, dict):
        if key == "extensions":
            return value
        if key in _LANGUAGE_MAPS:
            return _kept({language: _text(text) for language, text in value.items()})
        return _kept({name: _pruned(part, name) for name, part in value.items()})
    if isinstance(value, list):
        return [part for part in (_pruned(item, key) for item in value) if part not in _EMPTY]
    return _text(value) if key in _TEXTS else value


def _kept(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part not in _EMPTY}


@lru_cache(maxsize=1024)
def _clean(text: str) -> str:
    """Clean text. Kept for the next statement, for these are texts of courses and of the site, never of a learner."""
    return plain(text, _LONGEST)


def _text(value: Any) -> Any:
    return _clean(value) if isinstance(value, str) else value


# Keys whose text is for people. An Agent's name is cleaned where the event is made, an account's is an
# identifier.
_LANGUAGE_MAPS: Final = frozenset({"name", "description", "display"})
_TEXTS: Final = frozenset({"platform", "revision"})
_EMPTY: Final[tuple[Any, ...]] = (None, "", {}, [])
