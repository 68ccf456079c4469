"""Parse an operator's search (id, course, learner), and decide whom operators may see by name.

Only learners whom a site reports are named, no other LMS accounts. Every search uses an index; none reads statements'
bodies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from percipio_openedx import edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Learner
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import LearnerNotNamed, PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement

# Most course runs offered.
MAX_COURSES = 50
# Most learners named by one search.
MAX_LEARNERS = 50
# Accounts searched for them, the first of each index.
MAX_ACCOUNTS = 500
# Up to this many learners in courses are listed in the query, so that the database starts from them.
FEW = 2000


class SearchTerms(NamedTuple):
    """A parsed search: at most one id and one course key; the rest names a learner."""

    learner: str = ""
    course_key: str = ""
    uuid: UUID | None = None


def parse(text: str) -> SearchTerms:
    words, course_key, uuid = [], "", None
    for word in text.replace("\0", "").split():
        if uuid is None and (found := _uuid(word)):
            uuid = found
        elif not course_key and is_course_key(word):
            course_key = word
        else:
            words.append(word)
    return SearchTerms(" ".join(words)[:254], course_key, uuid)


def is_course_key(word: str) -> bool:
    try:
        return bool(edx_platform.parsed(word).run)
    except PlatformUnavailable:
        return False


def _uuid(word: str) -> UUID | None:
    try:
        return UUID(word) if len(word) in (32, 36) else None
    except ValueError:
        return None


def _user_ids(text: str) -> set[int]:
    return {int(text)} if text.isascii() and text.isdigit() and len(text) < 19 else set()


def learners_named(text: str, course_key: str = "") -> dict[int, Learner]:
    """Return ``reported`` learners by user id or by the beginning of username, email or name."""
    return dict(islice(reported(accounts(text), course_key).items(), MAX_LEARNERS))


def typed_in_full(text: str) -> Learner | None:
    """Return the account whose user id, username or email was typed in full: it is already known to the operator."""
    exact = [
        account
        for account in accounts(text).values()
        if text.lower() in (account.username.lower(), account.email.lower(), str(account.user_id))
    ]
    return exact[0] if len(exact) == 1 else None


def accounts(text: str) -> dict[int, Learner]:
    """Return the accounts with this user id, username, email or name, or its beginning, reported or not."""
    if not text:
        return {}
    return {**edx_platform.learners(_user_ids(text)), **edx_platform.find_learners(text, MAX_ACCOUNTS)}


def reported(people: Mapping[int, Learner], course_key: str = "") -> dict[int, Learner]:
    """Return those of these people whom a site reports: something was, or would be by the next observation.

    With a course key, only there. Raises ``PlatformUnavailable`` if the LMS cannot tell who is enrolled.
    """
    rows = LearnerCourse.objects.filter(user_id__in=list(people)).exclude(hold_reason=HoldReason.RETIRED)
    if course_key:
        rows = rows.filter(course_key=course_key)
    known = set(rows.filter(sequence__gt=0).values_list("user_id", flat=True))
    others = {user_id: person for user_id, person in people.items() if user_id not in known and person.is_active}
    if others:
        known |= _selected(others, course_key)
    return {user_id: person for user_id, person in people.items() if user_id in known}


def _selected(people: Mapping[int, Learner], course_key: str) -> set[int]:
    from percipio_openedx.operations.scope import Sites

    courses = edx_platform.courses_of(people)
    if course_key:
        courses = {user_id: keys & {course_key} for user_id, keys in courses.items()}
    retiring, links = edx_platform.retiring(people), edx_platform.social_links(people)
    sites = Sites()
    of_course: dict[str, Configuration | None] = {}
    for key in {key for keys in courses.values() for key in keys}:
        with suppress(PlatformUnavailable, PercipioConfigurationError):
            of_course[key] = sites.configuration(key)
    found = set()
    for user_id, keys in courses.items():
        person = replace(people[user_id], links=links.get(user_id, ()))
        if user_id not in retiring and any(_is_selected(person, of_course.get(key)) for key in keys):
            found.add(user_id)
    return found


def _is_selected(person: Learner, configuration: Configuration | None) -> bool:
    """Return whether the site's rule selects this person, even if an identifier is missing."""
    from percipio_openedx.reporting import identity

    if configuration is None:
        return False
    try:
        identity.identify(person, identity.account_of(person, configuration))
    except LearnerNotNamed as error:
        return error.reason not in (HoldReason.NOT_SELECTED, HoldReason.NO_ACCOUNT)
    except PercipioConfigurationError:
        # Of an account whose configuration has a mistake.
        return False
    return True


def learner_courses(query: SearchTerms) -> QuerySet[LearnerCourse]:
    """Return the learners in courses matching a query; with an id, the one it belongs to."""
    rows = LearnerCourse.objects.all()
    if query.uuid is not None:
        of_statement = Statement.objects.filter(uuid=query.uuid).values_list("learner_course_id", flat=True)
        return rows.filter(pk__in=list(of_statement)) if of_statement else rows.filter(registration=query.uuid)
    if query.course_key:
        rows = rows.filter(course_key=query.course_key)
    if query.learner:
        # By id even if the account is gone.
        ids = _user_ids(query.learner)
        with suppress(PlatformUnavailable):
            ids |= learners_named(query.learner).keys()
        if account := typed_in_full(query.learner):
            ids.add(account.user_id)
        rows = rows.filter(user_id__in=ids)
    return rows


def statements(rows: QuerySet[Statement], query: SearchTerms) -> QuerySet[Statement]:
    """Return the statements matching a query."""
    if query.uuid is not None:
        known = Statement.objects.filter(uuid=query.uuid).exists()
        rows = rows.filter(uuid=query.uuid) if known else rows.filter(learner_course__registration=query.uuid)
    if query.learner:
        # For few learners in courses, start from their ids, since their newest statements may lie anywhere in the
        # table; for many, the newest are soon met in table order.
        found = learner_courses(query._replace(uuid=None)).values_list("pk", flat=True)
        pks = list(found[: FEW + 1])
        return rows.filter(learner_course_id__in=pks if len(pks) <= FEW else found)
    return rows.filter(course_key=query.course_key) if query.course_key else rows


class CourseChoice(NamedTuple):
    """What a text means: a course run's ``key``, or a ``problem`` and what was found, by key and name."""

    key: str = ""
    problem: str = ""
    found: Sequence[tuple[str, str]] = ()
    is_cut: bool = False


def find_course(text: str) -> CourseChoice:
    """Return the course run typed by its key, or by a part of its key or name; empty for no text."""
    text = text.replace("\0", "").strip()[:255]
    if not text or is_course_key(text):
        return CourseChoice(text)
    try:
        found = edx_platform.find_courses(text, MAX_COURSES + 1)
    except PlatformUnavailable as error:
        return CourseChoice(problem=_("The LMS cannot tell: %(error)s.") % {"error": error})
    if len(found) == 1:
        return CourseChoice(next(iter(found)))
    if not found:
        return CourseChoice(problem=_("No course has that in its name or key."))
    offered = list(found.items())[:MAX_COURSES]
    return CourseChoice(problem=_("Several courses match."), found=offered, is_cut=len(found) > MAX_COURSES)
