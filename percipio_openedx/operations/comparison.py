"""Whether a statement read back from an LRS is the one that was sent. Pure.

Source: xAPI 1.0.3 Data 2.2 (what of a statement never changes, and what an LRS may add or keep elsewhere: ``stored``,
``authority``, ``version``, definitions of activities, the form of times) and Data 2.3.1 (voiding).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The names of the parts that differ, without their values, which may be personal."""
    mine, other = _essence(ours), _essence(theirs)
    return [name for name in mine if mine[name] != other[name]]


def kind_of_verb(verb: str) -> str:
    """The last word of a verb's id, for a report: ``completed``."""
    return verb.rstrip("/").rpartition("/")[2][:40] or "-"


def _essence(statement: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same: who, did what, to what, with which result, when and in which registration."""
    context = _mapping(statement.get("context"))
    return {
        "actor": _agent(statement.get("actor")),
        "verb": _mapping(statement.get("verb")).get("id"),
        "object": _object(statement.get("object")),
        "result": statement.get("result"),
        "registration": str(context.get("registration") or "").lower(),
        "timestamp": _moment(statement.get("timestamp")),
    }


def _agent(agent: Any) -> Any:
    """The identifier alone: a name may be kept elsewhere (Data 2.4.2)."""
    given = _mapping(agent)
    return next(((name, given[name]) for name in IDENTIFIERS if name in given), None)


def _object(target: Any) -> tuple[str, Any]:
    given = _mapping(target)
    kind = str(given.get("objectType") or "Activity")
    return kind, str(given.get("id") or "").lower() if kind == "StatementRef" else given.get("id")


def _moment(text: Any) -> datetime | str:
    """A time as an instant, to the millisecond that an LRS has to keep (Data 4.4); what is none stays as it is."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=aware.microsecond // 1000 * 1000)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
