"""Ids, keys and terms: the same fact always has the same id, so that sending is idempotent.

A statement's id is a version 5 UUID of milestone and value in the namespace of its registration, which is one of
learner, course run and LMS. No time is part of it.

Statements are found by SHA-256 hashes of canonical identifiers, so that no index or query holds an email. The *terms*
of a statement are what finds it apart from its learner; statements with the same terms share a *topic* (xAPI 1.0.3
Communication 2.1.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID, uuid5

from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.text import address_of

CONTEXT_ACTIVITIES: Final = ("parent", "grouping", "category", "other")

# The namespace of topic ids. Never change it: stored statements are found by them.
_TOPICS: Final = UUID("b1f0a7c2-6d1e-4c55-9d43-0f2f5a8e7c31")


def statement_id(registration: UUID, kind: Kind, value: str) -> UUID:
    """Return the id of the statement of a milestone (``value`` as ``data.Milestone.value``)."""
    return uuid5(registration, f"{kind}:{value}")


def actor_key_of(agent: Mapping[str, Any]) -> str:
    """Return the key of an xAPI Agent or identified Group, given as JSON (Data 2.4.2.3).

    ``mbox`` and ``mbox_sha1sum`` of one address get different keys: joining them would mean storing both. Only
    statements beside a Track record carry an ``mbox_sha1sum`` (``content.learner``).

    Raises:
        StatementError: it has no inverse functional identifier, or one of the wrong type.
    """
    for name, canonical in _CANONICAL.items():
        value = agent.get(name)
        if isinstance(value, str) and value:
            return _hash(name, canonical(value))
    match agent.get("account"):
        case {"homePage": str(home_page), "name": str(account)}:
            return _hash("account", home_page, account)
    raise StatementError("agent", "has no inverse functional identifier")


def _mailbox(mbox: str) -> str:
    """Return the address of an ``mbox`` in lower case, however it is percent-encoded (RFC 3986 section 6.2.2).

    The specification folds the domain alone; but an LMS's addresses are unique regardless of case, and Percipio may ask
    in another case.
    """
    return address_of(mbox).lower()


_CANONICAL: Final[dict[str, Callable[[str], str]]] = {"mbox": _mailbox, "mbox_sha1sum": str.lower, "openid": str}


def activity_key(activity_id: str) -> str:
    """Return the key of an activity. IRIs are compared as they are (RFC 3987 section 5.3.1)."""
    return _hash("activity", activity_id)


def verb_term(verb: str) -> str:
    return _hash("verb", verb)


def activity_term(key: str, *, related: bool = False) -> str:
    """Return the term of an activity's key, as the object alone or, with ``related``, anywhere in the statement."""
    return _hash("any activity" if related else "activity", key)


def agent_term(key: str) -> str:
    """Return the term for the key of a person or group that is not the actor (``related_agents``)."""
    return _hash("any agent", key)


def terms_of(statement: Mapping[str, Any]) -> frozenset[str]:
    """Return a statement's own terms. One that refers to another has the other's terms, too."""
    return frozenset(_terms(statement))


def topic_of(terms: Iterable[str]) -> UUID:
    """Return the topic with exactly these terms, the same on every site."""
    return uuid5(_TOPICS, "\n".join(sorted(terms)))


def _terms(statement: Mapping[str, Any]) -> Iterator[str]:
    yield verb_term(statement["verb"]["id"])
    target, context = statement["object"], statement.get("context", {})
    agents = [context.get("instructor"), context.get("team")]
    if target.get("objectType") != "StatementRef":
        key = activity_key(target["id"])
        yield activity_term(key)
        yield activity_term(key, related=True)
    # A group is found by itself and by each member, an anonymous one by its members alone.
    for agent in filter(None, agents):
        for each in (agent, *agent.get("member", ())):
            with suppress(StatementError):
                yield agent_term(actor_key_of(each))
    for place in CONTEXT_ACTIVITIES:
        for activity in context.get("contextActivities", {}).get(place, ()):
            yield activity_term(activity_key(activity["id"]), related=True)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
