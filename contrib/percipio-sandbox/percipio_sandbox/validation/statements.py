"""Whole statements (xAPI 1.0.3, Data 2.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from percipio_sandbox.validation.activities import check_activity
from percipio_sandbox.validation.agents import check_actor, check_agent, check_authority, check_group
from percipio_sandbox.validation.attachments import check_attachments
from percipio_sandbox.validation.contexts import check_context, check_statement_ref
from percipio_sandbox.validation.formats import (
    check_iri,
    check_language_map,
    check_timestamp,
    check_uuid,
    parse_timestamp,
)
from percipio_sandbox.validation.results import check_result
from percipio_sandbox.validation.shapes import Check, Shape, constant, describe

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
CLOCK_SKEW = timedelta(minutes=5)

_check_verb = Shape({"id": check_iri, "display": check_language_map}, required=("id",))


def _check_plain_object(value: Any, path: str, problems: list[str]) -> None:
    kind = value.get("objectType", "Activity") if isinstance(value, dict) else "Activity"
    check = _OBJECTS.get(kind) if isinstance(kind, str) else None
    if check is None:
        problems.append(f"{path}.objectType: must be one of {', '.join(_OBJECTS)}, SubStatement (Data 2.4.4)")
    else:
        check(value, path, problems)


def _check_object(value: Any, path: str, problems: list[str]) -> None:
    if isinstance(value, dict) and value.get("objectType") == "SubStatement":
        _check_sub_statement(value, path, problems)
    else:
        _check_plain_object(value, path, problems)


_OBJECTS: dict[str, Check] = {
    "Activity": check_activity,
    "Agent": check_agent,
    "Group": check_group,
    "StatementRef": check_statement_ref,
}
_PARTS: dict[str, Check] = {
    "actor": check_actor,
    "verb": _check_verb,
    "result": check_result,
    "context": check_context,
    "timestamp": check_timestamp,
    "attachments": check_attachments,
}
_statement_shape = Shape(
    {
        "id": check_uuid,
        **_PARTS,
        "object": _check_object,
        "stored": check_timestamp,
        "authority": check_authority,
        # Data 2.4.10: a statement's version is 1.0.0, whatever patch the header names.
        "version": constant("1.0.0"),
    },
    required=("actor", "verb", "object"),
)
# Data 2.4.4.3: a sub-statement has no id, stored, version or authority and holds no sub-statement.
_sub_statement_shape = Shape(
    {"objectType": constant("SubStatement"), **_PARTS, "object": _check_plain_object},
    required=("objectType", "actor", "verb", "object"),
)


def _check_sub_statement(value: Any, path: str, problems: list[str]) -> None:
    _sub_statement_shape(value, path, problems)
    _check_context_fits(value, path, problems)


def _check_context_fits(statement: dict[str, Any], path: str, problems: list[str]) -> None:
    """Check that revision and platform go with an activity as the object only (Data 2.4.6)."""
    context, target = statement.get("context"), statement.get("object")
    if not isinstance(context, dict) or not isinstance(target, dict):
        return
    if target.get("objectType") in ("Agent", "Group", "StatementRef", "SubStatement"):
        for name in ("revision", "platform"):
            if name in context:
                problems.append(f"{path}.context.{name}: only with an Activity as object (Data 2.4.6)")


def is_voiding(statement: dict[str, Any]) -> bool:
    """Tell whether a well-formed statement voids another one (Data 2.3.2)."""
    return bool(statement["verb"]["id"] == VOIDED)


def _check_voiding(statement: dict[str, Any], path: str, problems: list[str]) -> None:
    verb, target = statement.get("verb"), statement.get("object")
    if not isinstance(verb, dict) or verb.get("id") != VOIDED:
        return
    if not isinstance(target, dict) or target.get("objectType") != "StatementRef":
        problems.append(f"{path}.object: voiding takes a StatementRef as its object (Data 2.3.2)")


def _check_not_in_future(statement: dict[str, Any], path: str, problems: list[str], now: datetime) -> None:
    text = statement.get("timestamp")
    moment = parse_timestamp(text) if isinstance(text, str) else None
    if moment is not None and moment > now + CLOCK_SKEW:
        problems.append(f"{path}.timestamp: lies in the future (Data 2.4.7)")


def problems_of(statement: Any, now: datetime, path: str = "statement") -> list[str]:
    """Return everything that is wrong with a statement; nothing when xAPI 1.0.3 allows it.

    Arguments:
        statement: the parsed JSON value.
        now: the present time with its zone; a timestamp may lie five minutes after it, for clocks that
            differ.
        path: what the problems call the statement.
    """
    problems: list[str] = []
    if not isinstance(statement, dict):
        return [f"{path}: must be an object, not {describe(statement)}"]
    _statement_shape(statement, path, problems)
    _check_context_fits(statement, path, problems)
    _check_voiding(statement, path, problems)
    _check_not_in_future(statement, path, problems, now)
    return problems
