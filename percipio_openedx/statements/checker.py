"""Check a statement before it is frozen, after the site's filter steps (xAPI 1.0.3, Data 2.2 to 4.6, strictly).

Needed since tincan accepts whatever filter steps make. Errors name the field and the fault, never the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.text import is_iri, is_irl, is_mailto
from percipio_openedx.statements.vocabulary import EXTENSION_PROGRESS, VERB_VOIDED

UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIMESTAMP: Final = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3,}Z"
)
# ISO 8601 4.4.3.2 with at most 0.01 second (Data 4.6).
DURATION: Final = re.compile(
    r"P(?:\d+W|(?=\d|T)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d{1,2})?S)?)?)"
)
# The well-formed tags of RFC 5646 that Learning Locker's validator accepts, too.
LANGUAGE: Final = re.compile(
    r"[A-Za-z]{2,8}(?:-[A-Za-z]{3}){0,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?(?:-[A-Za-z\d]{5,8})*"
)
_SHA1: Final = re.compile(r"[0-9a-f]{40}")
IDENTIFIERS: Final = ("mbox", "mbox_sha1sum", "openid", "account")

# Raises ``StatementError`` for a value at a path.
Judge = Callable[[Any, str], None]


def check(statement: Mapping[str, Any]) -> None:
    """Check a whole statement, or raise ``StatementError`` with the path of the first fault."""
    _statement(statement, "")
    has_activity = statement["object"].get("objectType", "Activity") == "Activity"
    if statement["verb"]["id"] == VERB_VOIDED and has_activity:
        raise StatementError("object", "must be a StatementRef where the verb is voided")
    if not has_activity and {"platform", "revision"} & set(statement.get("context", {})):
        raise StatementError("context", "has platform or revision although the object is no Activity")


def check_agent(agent: Any, path: str) -> None:
    """Check an Agent or Group (Data 2.4.2), or raise ``StatementError``: one identifier, no wrong or unknown field."""
    _is_mapping(agent, path)
    is_group = agent.get("objectType") == "Group"
    (_group if is_group else _agent)(agent, path)
    found = [name for name in IDENTIFIERS if name in agent]
    if len(found) > 1 or (not found and not (is_group and agent.get("member"))):
        raise StatementError(path, "needs exactly one of mbox, mbox_sha1sum, openid, account")


def _is_mapping(value: Any, path: str) -> None:
    if not isinstance(value, dict) or not value:
        raise StatementError(path or "statement", "is not a JSON object with properties")


def _that(test: Callable[[Any], bool], problem: str) -> Judge:
    def judge(value: Any, path: str) -> None:
        if not test(value):
            raise StatementError(path, problem)

    return judge


def _matches(pattern: re.Pattern[str], problem: str) -> Judge:
    return _that(lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None, problem)


def _object(known: Mapping[str, Judge], *needs: str) -> Judge:
    def judge(value: Any, path: str) -> None:
        _is_mapping(value, path)
        prefix = f"{path}." if path else ""
        for name in needs:
            if name not in value:
                raise StatementError(f"{prefix}{name}", "is missing")
        for name, part in value.items():
            if name not in known:
                raise StatementError(path or "statement", "has a property that xAPI does not know")
            known[name](part, f"{prefix}{name}")

    return judge


def _list_of(judge: Judge) -> Judge:
    def judge_all(value: Any, path: str) -> None:
        if not isinstance(value, list) or not value:
            raise StatementError(path, "is not a list with entries")
        for index, item in enumerate(value):
            judge(item, f"{path}.{index}")

    return judge_all


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_text = _that(lambda value: isinstance(value, str) and bool(value.strip()), "is not a text, or is empty")
_flag = _that(lambda value: isinstance(value, bool), "is neither true nor false")
_number = _that(_is_number, "is not a number")
_scaled = _that(lambda value: _is_number(value) and -1 <= value <= 1, "is not a number from -1 to 1")
_percent = _that(lambda value: type(value) is int and 0 <= value <= 100, "is not a whole percentage from 0 to 100")
_iri = _that(is_iri, "is not an IRI")
_irl = _that(is_irl, "is not an address on the web")
_mbox = _that(is_mailto, "is not mailto: with an email address")
_sha1 = _matches(_SHA1, "is not a SHA-1 in hexadecimal")
_uuid = _matches(UUID_TEXT, "is not a UUID in standard form")
_timestamp = _matches(TIMESTAMP, "is not a time in UTC with milliseconds")
_duration = _matches(DURATION, "is not an ISO 8601 duration of at most 0.01 second's precision")
_language = _matches(LANGUAGE, "is not a language tag")


def _language_map(value: Any, path: str) -> None:
    _is_mapping(value, path)
    for tag, text in value.items():
        _language(tag, path)
        _text(text, f"{path}.{tag}")


def _extensions(value: Any, path: str) -> None:
    _is_mapping(value, path)
    for key, content in value.items():
        _iri(key, path)
        if key == EXTENSION_PROGRESS:
            _percent(content, f"{path}.progress")


def _team(value: Any, path: str) -> None:
    check_agent(value, path)
    if value.get("objectType") != "Group":
        raise StatementError(path, "is not a Group")


def _member(value: Any, path: str) -> None:
    check_agent(value, path)
    if value.get("objectType") == "Group":
        raise StatementError(path, "is a Group inside a Group")


def _score(value: Any, path: str) -> None:
    _numbers(value, path)
    least, most = value.get("min", -math.inf), value.get("max", math.inf)
    if not least < most:
        raise StatementError(path, "has a min that is not below its max")
    if not least <= value.get("raw", least) <= most:
        raise StatementError(f"{path}.raw", "is not between min and max")


def _target(value: Any, path: str) -> None:
    _is_mapping(value, path)
    (_reference if value.get("objectType") == "StatementRef" else _activity)(value, path)


_numbers = _object({"scaled": _scaled, "raw": _number, "min": _number, "max": _number})
_AGENT: Final[dict[str, Judge]] = {
    "objectType": _that(lambda value: value in ("Agent", "Group"), "is neither Agent nor Group"),
    "name": _text,
    "mbox": _mbox,
    "mbox_sha1sum": _sha1,
    "openid": _iri,
    "account": _object({"homePage": _iri, "name": _text}, "homePage", "name"),
}
_agent = _object(_AGENT)
_group = _object({**_AGENT, "member": _list_of(_member)})
_is_reference = _that(lambda value: value == "StatementRef", "is not StatementRef")
_reference = _object({"objectType": _is_reference, "id": _uuid}, "objectType", "id")
_definition = _object({
    "type": _iri, "moreInfo": _irl, "name": _language_map, "description": _language_map, "extensions": _extensions,
})  # fmt: skip
_is_activity = _that(lambda value: value == "Activity", "is not Activity")
_activity = _object({"id": _iri, "objectType": _is_activity, "definition": _definition}, "id")
_result = _object({
    "score": _score, "success": _flag, "completion": _flag, "response": _text, "duration": _duration,
    "extensions": _extensions,
})  # fmt: skip
_context = _object({
    "registration": _uuid, "instructor": check_agent, "team": _team,
    "contextActivities": _object(dict.fromkeys(("parent", "grouping", "category", "other"), _list_of(_activity))),
    "revision": _text, "platform": _text, "language": _language, "statement": _reference, "extensions": _extensions,
})  # fmt: skip
_verb = _object({"id": _iri, "display": _language_map}, "id")
_statement = _object({
    "id": _uuid, "actor": check_agent, "verb": _verb, "object": _target, "timestamp": _timestamp, "result": _result,
    "context": _context,
}, "id", "actor", "verb", "object", "timestamp")  # fmt: skip
