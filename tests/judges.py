"""Independent judges of xAPI statements, for every test that has one in hand.

Each statement is put to Ralph's model (openfun/ralph). What that lets pass although the specification does not is
asserted beside it. Where it is narrower than the specification it is helped: its ``context.instructor`` knows Agents
alone, while a Group is allowed there (xAPI 1.0.3 Data 2.4.6); a Group is put to its model of Groups instead.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from ralph.models.xapi.base.groups import BaseXapiGroup
from ralph.models.xapi.base.statements import BaseXapiStatement

LIMIT: Final = 16 * 1024
_GROUP: Final[TypeAdapter[Any]] = TypeAdapter(BaseXapiGroup)
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\d*Z")


def assert_valid_statement(statement: dict[str, Any]) -> None:
    """Fail with every fault that any judge finds."""
    found = faults(statement)
    assert not found, "\n".join(found)


def faults(statement: dict[str, Any]) -> list[str]:
    """What the judges have against a statement, in their words; empty where it is valid."""
    return [*_ralph(statement), *_missed_by_ralph(statement)]


def _ralph(statement: dict[str, Any]) -> list[str]:
    found = []
    context = statement.get("context", {})
    if context.get("instructor", {}).get("objectType") == "Group":
        found += _errors(_GROUP.validate_python, context["instructor"], "context.instructor")
        others = {name: value for name, value in context.items() if name != "instructor"}
        statement = {**statement, "context": others or {"platform": "x"}}
    return found + _errors(BaseXapiStatement.model_validate, statement, "statement")


def _errors(validate: Any, value: Any, path: str) -> list[str]:
    try:
        validate(value)
    except ValidationError as error:
        return [f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return []


def _missed_by_ralph(statement: dict[str, Any]) -> list[str]:
    found = []
    score = statement.get("result", {}).get("score", {})
    if "min" in score and "max" in score and not score["min"] < score["max"]:
        found.append("result.score: min is not below max")
    if not _TIMESTAMP.fullmatch(statement.get("timestamp", "")):
        found.append("timestamp: not a time in UTC with milliseconds")
    if statement.get("version", "1.0.0") != "1.0.0":
        found.append("version: other than 1.0.0")
    if len(re.findall("_", "".join(_language_tags(statement)))):
        found.append("a language tag has an underscore")
    return found


def _language_tags(value: Any) -> list[str]:
    if isinstance(value, list):
        return [tag for item in value for tag in _language_tags(item)]
    if not isinstance(value, dict):
        return []
    maps = [value[name] for name in ("name", "description", "display") if isinstance(value.get(name), dict)]
    return [tag for words in maps for tag in words] + [tag for part in value.values() for tag in _language_tags(part)]
