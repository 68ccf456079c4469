"""Learners and instructors as xAPI Agents (Data 2.4.2), and who is named in what was sent. Pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from percipio_openedx.data import Instructor, LearnerIdentity
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.iri import is_common_email, is_email, is_iri, mailto
from percipio_openedx.statements.personal import NOBODY, Personal, personal
from percipio_openedx.statements.text import plain

LONGEST_NAME: Final = 200
LONGEST_ACCOUNT: Final = 500
MOST_INSTRUCTORS: Final = 50


def learner(identity: LearnerIdentity) -> dict[str, Any]:
    """Return the actor: ``mbox`` for an email, else ``account``. An identifier is taken as it is or not at all.

    An email that is none by Django's rules is told by the hash of its ``mailto:`` IRI (Data 2.4.2.3): the statement
    beside a Track record, which names the learner plainly, has to be whole too. Sites that send statements hold such a
    learner back (``identity``).

    Raises:
        StatementError: the email has no ``@``, or the account or its home page is unusable.
    """
    agent: dict[str, Any] = {}
    name = plain(identity.name, LONGEST_NAME)
    if name:
        agent["name"] = name
    if identity.email:
        if "@" not in identity.email:
            raise StatementError("actor.mbox", "is not an email address")
        mbox = mailto(identity.email)
        if is_email(identity.email):
            agent["mbox"] = mbox
        else:
            agent["mbox_sha1sum"] = hashlib.sha1(mbox.encode(), usedforsecurity=False).hexdigest()
        return agent
    if not is_iri(identity.home_page):
        raise StatementError("actor.account.homePage", "is not an IRI")
    if not is_account_name(identity.account):
        raise StatementError("actor.account.name", "is empty, too long or not printable")
    agent["account"] = {"homePage": identity.home_page, "name": identity.account}
    return agent


def is_account_name(value: str) -> bool:
    """Return whether an account's name can travel: 1 to 500 printable characters, no white space at its ends."""
    return 0 < len(value) <= LONGEST_ACCOUNT and value.isprintable() and value == value.strip()


def instructors(people: tuple[Instructor, ...], lms_root: str) -> list[dict[str, Any]]:
    """Return the instructors whom a course names, each once, at most fifty, in the course's order.

    An instructor is known by email where the course gives a common one. Open edX's course settings give names alone,
    and an Agent needs an identifier: then it is an account of this LMS called ``instructor:`` and the name's
    letters, marks and digits. The prefix keeps it apart from learners' user names, which cannot hold a colon.
    """
    agents: dict[str, dict[str, Any]] = {}
    for person in people:
        name = plain(person.name, LONGEST_NAME)
        slug = _slug(name)
        if is_common_email(person.email):
            agent: dict[str, Any] = {"mbox": mailto(person.email)}
        elif slug and is_iri(lms_root):
            agent = {"account": {"homePage": lms_root, "name": f"instructor:{slug}"}}
        else:
            continue
        if name:
            agent["name"] = name
        agents.setdefault(str(agent.get("mbox") or slug), agent)
    return list(agents.values())[:MOST_INSTRUCTORS]


def _slug(name: str) -> str:
    """Return a name's letters, marks and digits in one case, with a hyphen for whatever stands between them.

    Marks are letters' parts in many scripts: the vowels of Hindi, Thai and Tamil, and pointed Hebrew, are nothing else.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kept = (character if unicodedata.category(character)[0] in "LMN" else " " for character in folded)
    return "-".join("".join(kept).split())


def personal_of(body: bytes | None) -> Personal:
    """Return the values of the people in a request: in statements their agents, in a Track record its user.

    Arguments:
        body: as it was sent; None and what is no JSON name nobody.
    """
    try:
        return personal(_values(json.loads(body or b""), 12))
    except (ValueError, RecursionError):
        return NOBODY


def learner_of(body: bytes | None) -> set[str]:
    """Return the values of the one whom a statement or a Track record is about."""
    try:
        document = json.loads(body or b"")
    except (ValueError, RecursionError):
        return set()
    if not isinstance(document, dict):
        return set()
    return set(_values({name: document.get(name) for name in ("actor", "user")}, 4))


def _values(value: Any, depth: int) -> Iterator[str]:
    """Yield the identifiers and names of every agent in a document; a course's name is a language map and no text."""
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _values(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and key in ("name", "mbox", "mbox_sha1sum", "openid", "user"):
                yield item.removeprefix("mailto:")
            else:
                yield from _values(item, depth - 1)
