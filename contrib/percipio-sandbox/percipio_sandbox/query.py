"""Reading statements back: the parameters of the xAPI statement resource (1.0.3, Communication 2.1.3)."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from percipio_sandbox.messages import Refusal
from percipio_sandbox.store import Entry
from percipio_sandbox.validation.agents import IDENTIFIERS, check_actor
from percipio_sandbox.validation.formats import (
    check_iri,
    check_timestamp,
    check_uuid,
    parse_timestamp,
)
from percipio_sandbox.validation.shapes import Check

LARGEST_PAGE = 500
_PARAMETERS = (
    "statementId", "voidedStatementId", "agent", "verb", "activity", "registration", "since", "until",
    "limit", "ascending", "format", "attachments", "more",
)  # fmt: skip
_WITH_ONE_STATEMENT = {"statementId", "voidedStatementId", "format", "attachments"}


@dataclass(frozen=True)
class Query:
    """The parameters of one GET, parsed; `cursor` is the sequence number after which a page goes on."""

    statement_id: str | None = None
    voided_id: str | None = None
    agent: tuple[str, Any] | None = None
    verb: str | None = None
    activity: str | None = None
    registration: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = LARGEST_PAGE
    ascending: bool = False
    cursor: int | None = None

    def matches(self, entry: Entry) -> bool:
        """Tell whether a statement answers the filters; the times and the cursor are not looked at."""
        body = entry.body
        target = body["object"]
        return (
            (self.verb is None or body["verb"]["id"] == self.verb)
            and (self.activity is None or (_is_activity(target) and target["id"] == self.activity))
            and (self.registration is None or _registration(body) == self.registration)
            and (self.agent is None or any(_has(part, self.agent) for part in (body["actor"], target)))
        )


def _is_activity(target: dict[str, Any]) -> bool:
    return bool(target.get("objectType", "Activity") == "Activity")


def _registration(body: dict[str, Any]) -> str:
    return str(body.get("context", {}).get("registration", "")).lower()


def _has(part: dict[str, Any], identifier: tuple[str, Any]) -> bool:
    name, value = identifier
    if part.get(name) == value:
        return True
    return any(member.get(name) == value for member in part.get("member", ()))


def parse_query(parameters: Mapping[str, Sequence[str]]) -> Query:
    """Read the parameters of a GET.

    Raises:
        Refusal: 400 for a parameter that is unknown (names are case-sensitive), repeated, malformed or out
            of place.
    """
    for name, values in parameters.items():
        if name not in _PARAMETERS:
            raise Refusal(400, f"unknown parameter {name[:40]!r}; known are {', '.join(_PARAMETERS)}")
        if len(values) != 1:
            raise Refusal(400, f"the parameter {name} is given more than once")
    given = {name: values[0] for name, values in parameters.items()}
    _check_one_statement(given)
    return Query(
        statement_id=_checked(given, "statementId", check_uuid),
        voided_id=_checked(given, "voidedStatementId", check_uuid),
        agent=_agent(given.get("agent")),
        verb=_checked(given, "verb", check_iri),
        activity=_checked(given, "activity", check_iri),
        registration=(_checked(given, "registration", check_uuid) or "").lower() or None,
        since=_moment(given, "since"),
        until=_moment(given, "until"),
        limit=_whole(given, "limit") or LARGEST_PAGE,
        ascending=_choice(given, "ascending", "false", "true") == "true",
        cursor=_whole(given, "more"),
    )


def _check_one_statement(given: Mapping[str, str]) -> None:
    if "statementId" in given and "voidedStatementId" in given:
        raise Refusal(400, "give statementId or voidedStatementId, not both")
    if ("statementId" in given or "voidedStatementId" in given) and given.keys() - _WITH_ONE_STATEMENT:
        raise Refusal(400, "a single statement is asked for without other filters")
    _choice(given, "format", "exact")
    _choice(given, "attachments", "false")


def _checked(given: Mapping[str, str], name: str, check: Check) -> str | None:
    value = given.get(name)
    if value is not None:
        problems: list[str] = []
        check(value, name, problems)
        if problems:
            raise Refusal(400, "a parameter is malformed", tuple(problems))
    return value


def _choice(given: Mapping[str, str], name: str, default: str, *others: str) -> str:
    value = given.get(name, default)
    if value not in (default, *others):
        raise Refusal(400, f"{name} may be {' or '.join((default, *others))} here")
    return value


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    value = _checked(given, name, check_timestamp)
    return None if value is None else parse_timestamp(value)


def _whole(given: Mapping[str, str], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise Refusal(400, f"{name} must be a whole number, not negative")
    return int(value)


def _agent(text: str | None) -> tuple[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "agent must be an Agent as JSON") from error
    problems: list[str] = []
    check_actor(value, "agent", problems)
    name = next((name for name in IDENTIFIERS if isinstance(value, dict) and name in value), None)
    if problems or name is None:
        raise Refusal(400, "agent must be an Agent or a Group with its identifier", tuple(problems))
    return name, value[name]


def page_of(query: Query, entries: Sequence[Entry], visible: Callable[[Entry], bool]) -> tuple[list[Entry], int | None]:
    """Return one page of the visible entries, and the cursor of the next page if there is one.

    Arguments:
        query: filters and limits.
        entries: all entries in order of arrival.
        visible: tells which of them the caller may see.
    """
    found: list[Entry] = []
    for entry in _in_order(query, entries):
        if visible(entry) and query.matches(entry):
            if len(found) == min(query.limit, LARGEST_PAGE):
                return found, found[-1].sequence
            found.append(entry)
    return found, None


def _in_order(query: Query, entries: Sequence[Entry]) -> Iterator[Entry]:
    first, end = 0, len(entries)
    if query.since is not None:  # exclusive
        first = bisect_right(entries, query.since, key=lambda entry: entry.stored)
    if query.until is not None:  # inclusive
        end = bisect_right(entries, query.until, key=lambda entry: entry.stored)
    if query.cursor is not None:
        if query.ascending:
            first = max(first, bisect_right(entries, query.cursor, key=lambda entry: entry.sequence))
        else:
            end = min(end, bisect_right(entries, query.cursor - 1, key=lambda entry: entry.sequence))
    indexes = range(first, end) if query.ascending else range(end - 1, first - 1, -1)
    return (entries[index] for index in indexes)


def more_link(path: str, parameters: Mapping[str, Sequence[str]], cursor: int) -> str:
    """Return the relative address of the next page: the same path, all state in the query (Data 2.5)."""
    given = {name: values[0] for name, values in parameters.items()}
    return f"{path}?{urlencode({**given, 'more': cursor})}"
