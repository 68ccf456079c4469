"""Learners and instructors as xAPI Agents (Data 2.4.2). Pure."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any, Final

from percipio_openedx.data import Instructor, LearnerIdentity
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.iri import is_common_email, is_email, is_iri, mailto
from percipio_openedx.statements.text import plain

LONGEST_NAME: Final = 200
LONGEST_ACCOUNT: Final = 500
MOST_INSTRUCTORS: Final = 50


def learner(identity: LearnerIdentity) -> dict[str, Any]:
    """Return the actor: ``mbox`` for an email, else ``account``. An identifier is taken as it is or not at all.

    An email that is none by Django's rules becomes the hash of its ``mailto:`` IRI (Data 2.4.2.3), so that the
    statement beside a Track record is whole, too. Sites that send statements hold such a learner back (``identity``).

    Raises:
        StatementError: the email has no ``@``, or the account or its home page is unusable.
    """
    name = plain(identity.name, LONGEST_NAME)
    agent: dict[str, Any] = {"name": name} if name else {}
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
    account = identity.account
    if not 0 < len(account) <= LONGEST_ACCOUNT or not account.isprintable() or account != account.strip():
        raise StatementError("actor.account.name", "is empty, too long or not printable")
    agent["account"] = {"homePage": identity.home_page, "name": account}
    return agent


def instructors(people: tuple[Instructor, ...], lms_root: str) -> list[dict[str, Any]]:
    """Return the instructors whom a course names, each once, at most fifty, in the course's order.

    One without a common email, for Open edX's course settings give names alone, is an account of this LMS called
    ``instructor:`` and the name's letters, marks and digits: learners' user names cannot hold a colon.
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

    In many scripts marks are parts of letters: the vowels of Hindi, Thai and Tamil, for instance.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kept = (character if unicodedata.category(character)[0] in "LMN" else " " for character in folded)
    return "-".join("".join(kept).split())
