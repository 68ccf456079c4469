"""The filters of the statement resource by the letter of xAPI 1.0.3, over statements in memory.

Slow and plain: every statement is asked every condition (Communication 2.1.3). No index, no hash, no table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Statement = Mapping[str, Any]
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid")


def answer(stored: Iterable[Statement], question: Mapping[str, str], authority: Statement) -> list[str]:
    """Return the ids that a question is answered with, in the order of the answer.

    Arguments:
        stored: all statements of the site with ``stored``, oldest first.
        question: the parameters, without ``limit``.
        authority: whose statements they are.
    """
    known = {statement["id"]: statement for statement in stored}
    voided = {_target_id(each) for each in known.values() if each["verb"]["id"] == VOIDED}
    conditions = list(_conditions(question, authority))
    found = []
    for uuid, statement in known.items():
        if uuid in voided or not _is_in_time(statement, question):
            continue
        both = [statement]
        if (target := known.get(_target_id(statement))) is not None:
            both.append(target)  # filter conditions for StatementRefs
        if all(any(condition(each) for each in both) for condition in conditions):
            found.append(uuid)
    return found if question.get("ascending") == "true" else found[::-1]


def _conditions(question: Mapping[str, str], authority: Statement) -> Iterator[Callable[[Statement], bool]]:
    if "verb" in question:
        yield lambda each: each["verb"]["id"] == question["verb"]
    if "registration" in question:
        yield lambda each: each["context"]["registration"] == question["registration"]
    if "activity" in question:
        any_place = question.get("related_activities") == "true"
        yield lambda each: question["activity"] in _activities(each, related=any_place)
    if "agent" in question:
        agent, any_role = _identity(json.loads(question["agent"])), question.get("related_agents") == "true"
        yield lambda each: agent in _agents(each, authority, related=any_role)


def _is_in_time(statement: Statement, question: Mapping[str, str]) -> bool:
    stored = statement["stored"]
    return question.get("since", "") < stored <= question.get("until", "9999")


def _target_id(statement: Statement) -> str | None:
    thing = statement["object"]
    return thing["id"] if thing.get("objectType") == "StatementRef" else None


def _activities(statement: Statement, *, related: bool) -> Iterator[str]:
    if statement["object"].get("objectType", "Activity") == "Activity":
        yield statement["object"]["id"]
    if related:
        for activities in statement["context"].get("contextActivities", {}).values():
            yield from (activity["id"] for activity in activities)


def _agents(statement: Statement, authority: Statement, *, related: bool) -> Iterator[tuple[str, ...] | None]:
    yield _identity(statement["actor"])
    if related:
        for agent in (authority, statement["context"].get("instructor"), statement["context"].get("team")):
            if agent is not None:
                yield from (_identity(each) for each in (agent, *agent.get("member", ())))


def _identity(agent: Statement) -> tuple[str, ...] | None:
    """Return what identifies an Agent, with an address in lower case; None for an anonymous Group."""
    if "account" in agent:
        return ("account", agent["account"]["homePage"], agent["account"]["name"])
    for name in IDENTIFIERS:
        if name in agent:
            return (name, agent[name].lower() if name.startswith("mbox") else agent[name])
    return None
