"""What statements say of courses and people: content ids, addresses, texts, languages, xAPI Agents. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from percipio_openedx.data import Course, Instructor, LearnerIdentity, Milestone
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.text import is_common_email, is_email, is_iri, is_irl, mailto, plain, text_of
from percipio_openedx.statements.vocabulary import FALLBACK_LANGUAGE, LANGUAGES, REGIONS, SCRIPTS, VARIANTS

LONGEST_COURSE_NAME: Final = 255
LONGEST_DESCRIPTION: Final = 2000
LONGEST_NAME: Final = 200
LONGEST_ACCOUNT: Final = 500
MOST_INSTRUCTORS: Final = 50

_SEPARATOR: Final = re.compile(r"[-_@.]")
# What fits into none of Percipio's ids (Content Bulk Import: letters, digits and a few marks).
_NOT_IN_SLUGS: Final = re.compile(r"[^A-Za-z0-9-]")
_LONGEST_TAG: Final = 35  # RFC 5646 section 4.4.1


@dataclass(frozen=True, slots=True)
class StatementContext:
    """Everything a statement is built from, for one milestone of one learner in one course run."""

    milestone: Milestone
    user_id: int
    identity: LearnerIdentity
    course: Course
    registration: UUID
    platform: str
    lms_root: str
    content_id: str
    activity_id: str


@dataclass(frozen=True, slots=True)
class BuiltStatement:
    """A statement as stored and sent, with what finds it; ``track`` is None if Track has no form for it."""

    id: UUID
    body: bytes = field(repr=False)
    track: bytes | None = field(repr=False)
    verb: str = ""
    actor_key: str = ""
    timestamp: datetime | None = None
    retracts: UUID | None = None
    terms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class CourseFacts:
    """A course run as statements describe it: clean, bounded, in its language. Shared by all of its learners."""

    url: str
    name: str
    description: str
    language: str | None
    instructors: tuple[dict[str, Any], ...]


@lru_cache(maxsize=512)
def course_facts(course: Course, lms_root: str) -> CourseFacts:
    """Return what statements say of a course run. Cached by value, so a renamed course is never stale."""
    url = course_url(course.key, lms_root)
    return CourseFacts(
        url=url if is_irl(url) else "",
        name=plain(course.name, LONGEST_COURSE_NAME),
        description=plain(text_of(course.description), LONGEST_DESCRIPTION),
        language=language_tag(course.language),
        instructors=tuple(instructors(course.instructors, lms_root)),
    )


def content_id(course: Course, rule: str, lms_root: str) -> str:
    """Return the course's id in Percipio's catalog: the operator's, else by ``rule`` (``PERCIPIO_CONTENT_ID``)."""
    if course.content_id:
        return course.content_id
    if rule == "course_run":
        return course.key
    if rule == "url":
        return course_url(course.key, lms_root)
    if rule == "slug":
        return course_slug(course.org, course.number)
    return f"course:{course.org}+{course.number}"


def course_slug(org: str, number: str) -> str:
    """Return ``Org-Course`` in letters, digits and ``-`` only; one hyphen for each other character.

    Not unique: Acme-Corp's X and Acme's Corp-X share one (the doctor names them, and their launch address leads
    nowhere).
    """
    return _NOT_IN_SLUGS.sub("-", f"{org}-{number}")


def launch_url(content: str, lms_root: str) -> str:
    """Return the address that takes a learner to the course with this content id; without a root, its path."""
    return f"{lms_root}/percipio/launch/{quote(content, safe='')}"


def activity_id(content: str, lms_root: str) -> str:
    """Return the ``object.id`` of statements: the content id if it is an IRI (Data 2.4.4.1), else where it leads."""
    return content if is_iri(content) else launch_url(content, lms_root)


def course_url(course_key: str, lms_root: str) -> str:
    return f"{lms_root}/courses/{quote(course_key, safe=':+@')}"


def language_tag(language: str) -> str | None:
    """Return the RFC 5646 tag of an LMS's language, without unknown subtags (RFC 4647 section 3.4), or None."""
    if not language.isascii() or len(language) > _LONGEST_TAG:
        return None
    primary, *others = _SEPARATOR.split(language.strip().lower())
    if primary not in LANGUAGES:
        return None
    subtags = [
        _first(others, SCRIPTS, str.title),
        _first(others, REGIONS, str.upper),
        _first(others, VARIANTS, str.lower),
    ]
    return "-".join([primary, *filter(None, subtags)])


def _first(subtags: list[str], known: frozenset[str], spell: Callable[[str], str]) -> str:
    return next((spelled for subtag in subtags if (spelled := spell(subtag)) in known), "")


def language_map(text: str, language: str | None) -> dict[str, str]:
    """Return a language map (Data 4.2), always with an (untranslated) ``en-US`` for readers that look for no other."""
    if language is None or language == "en":
        return {FALLBACK_LANGUAGE: text}
    return {language: text, FALLBACK_LANGUAGE: text}


def learner(identity: LearnerIdentity) -> dict[str, Any]:
    """Return the actor: ``mbox`` for an email, else ``account``. An identifier is used unchanged or not at all.

    An email that Django rejects becomes the hash of its ``mailto:`` IRI (Data 2.4.2.3), so that the statement beside a
    Track record is complete, too. Sites that send statements hold such a learner back (``identity``).

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
    """Return the course's instructors, without duplicates, at most fifty, in the course's order.

    One without a common email (Open edX's course settings hold names alone) is an account of this LMS called
    ``instructor:`` plus the name's slug: learners' usernames cannot hold a colon.
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
    """Return a name's letters, digits and marks (vowels in Hindi, Thai, Tamil) in one case, with hyphens between."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kept = (character if unicodedata.category(character)[0] in "LMN" else " " for character in folded)
    return "-".join("".join(kept).split())
