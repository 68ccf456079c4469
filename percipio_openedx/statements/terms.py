"""What a statement is found by, apart from its learner: the terms of its topic.

A term is the hash of a kind and an identifier. Of an activity there are two: that of the object, and that of any
activity that the statement names (``related_activities``). Of people besides the actor there is one
(``related_agents``).
Source: xAPI 1.0.3, Communication 2.1.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID, uuid5

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.ids import activity_key, actor_key_of

CONTEXT_ACTIVITIES = ("parent", "grouping", "category", "other")

# The namespace of the topics' ids. Never change it: what is stored is found by them.
_TOPICS = UUID("b1f0a7c2-6d1e-4c55-9d43-0f2f5a8e7c31")


def verb_term(verb: str) -> str:
    """The term of a verb's IRI, which is compared as it is, case included."""
    return _hash("verb", verb)


def activity_term(key: str, *, related: bool = False) -> str:
    """The term of an activity, as the object alone or, with ``related``, anywhere in the statement.

    Arguments:
        key: see ``ids.activity_key``.
    """
    return _hash("any activity" if related else "activity", key)


def agent_term(key: str) -> str:
    """The term of a person or group that is not the actor.

    Arguments:
        key: see ``ids.actor_key_of``.
    """
    return _hash("any agent", key)


def terms_of(statement: Mapping[str, Any]) -> frozenset[str]:
    """The terms of a statement as it stands. A statement that refers to another has the other's terms, too."""
    return frozenset(_terms(statement))


def topic_of(terms: Iterable[str]) -> UUID:
    """Return the topic that has exactly these terms: the same ones have the same topic on every site."""
    return uuid5(_TOPICS, "\n".join(sorted(terms)))


def _terms(statement: Mapping[str, Any]) -> Iterator[str]:
    yield verb_term(statement["verb"]["id"])
    target, context = statement["object"], statement.get("context", {})
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        key = activity_key(target["id"])
        yield activity_term(key)
        yield activity_term(key, related=True)
    named = [context.get("instructor"), context.get("team"), target if kind in ("Agent", "Group") else None]
    for agent in named:
        yield from (agent_term(key) for key in _agent_keys(agent))
    for place in CONTEXT_ACTIVITIES:
        for activity in context.get("contextActivities", {}).get(place, ()):
            yield activity_term(activity_key(activity["id"]), related=True)


def _agent_keys(agent: Mapping[str, Any] | None) -> Iterator[str]:
    """An agent, or a group and its members: a group is found by each of them."""
    if agent is None:
        return
    for each in (agent, *agent.get("member", ())):
        try:
            yield actor_key_of(each)
        except StatementError:
            continue  # an anonymous group


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
