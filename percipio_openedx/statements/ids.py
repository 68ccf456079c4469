"""Ids and keys: the same fact always has the same id, whoever asks and whenever.

A statement's id is a UUID of version 5 in the namespace of its registration, and the registration is itself
one of learner, course run and LMS. It so contains learner, course run, milestone and the milestone's value,
and no time.

The keys are what the statement resource filters by: SHA-256 of an identifier in one canonical form, so that
neither an index nor a query holds an email.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from percipio_openedx.data import LearnerIdentity
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import people
from percipio_openedx.statements.iri import address_of


def statement_id(registration: UUID, kind: Kind, value: str) -> UUID:
    """The id of the statement that reports a milestone.

    Arguments:
        registration: the UUID of the learner's run through the course.
        kind: the milestone.
        value: what tells it from others of its kind (``data.Milestone.value``).
    """
    return uuid5(registration, f"{kind}:{value}")


def actor_key(identity: LearnerIdentity) -> str:
    """The key by which a learner's statements are found: equal to ``actor_key_of`` of the statement's actor."""
    return actor_key_of(people.learner(identity))


def actor_key_of(agent: Mapping[str, Any]) -> str:
    """The key of any xAPI Agent or identified Group, as it stands in a statement or in the ``agent`` parameter.

    An ``mbox`` and the ``mbox_sha1sum`` of the same address get different keys: a hash cannot be turned back,
    so the two could be joined only by storing both. Of the statements built here only those carry an
    ``mbox_sha1sum`` that stand beside a Track record (``people.learner``).

    Arguments:
        agent: the Agent's JSON, with one of ``mbox``, ``mbox_sha1sum``, ``openid``, ``account`` (Data
            2.4.2.3).

    Raises:
        StatementError: it has none of the four, or one of the wrong type.
    """
    for name, canonical in _CANONICAL.items():
        value = agent.get(name)
        if isinstance(value, str) and value:
            return _key(name, canonical(value))
    match agent.get("account"):
        case {"homePage": str(home_page), "name": str(account)}:
            return _key("account", home_page, account)
    raise StatementError("agent", "has no inverse functional identifier")


def activity_key(activity_id: str) -> str:
    """The key by which an activity's statements are found. IRIs are compared as they are (RFC 3987 section 5.3.1)."""
    return _key("activity", activity_id)


def _mailbox(mbox: str) -> str:
    """The address of an ``mbox`` in lower case, however it is percent-encoded (RFC 3986 section 6.2.2).

    The specification folds the domain alone. An LMS keeps addresses unique without regard to case, and
    Percipio may ask in another case than the LMS has, so the local part is folded too.
    """
    return address_of(mbox).lower()


_CANONICAL: Final[dict[str, Callable[[str], str]]] = {"mbox": _mailbox, "mbox_sha1sum": str.lower, "openid": str}


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
