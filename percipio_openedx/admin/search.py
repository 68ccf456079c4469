"""What an operator typed: a statement's id, a course key, a learner, or a learner and a course.

Every search goes by an index. None looks into the statements' bodies.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement

if TYPE_CHECKING:
    from percipio_openedx.data import Learner

# Course runs that are offered at most.
MOST_COURSES = 50
# Learners that one search names at most.
MOST_LEARNERS = 50
# Accounts that are looked through for them, the first of each index.
MOST_ACCOUNTS = 500
# Up to so many learners in courses are named one by one, so that the database begins with them.
FEW = 2000


class Query(NamedTuple):
    """A text, taken apart: at most one id and one course key; the rest names a learner."""

    learner: str = ""
    course_key: str = ""
    uuid: UUID | None = None


def understood(text: str) -> Query:
    """Take a text apart."""
    words, course_key, uuid = [], "", None
    for word in text.replace("\0", "").split():
        if uuid is None and (found := _uuid(word)):
            uuid = found
        elif not course_key and is_course_key(word):
            course_key = word
        else:
            words.append(word)
    return Query(" ".join(words)[:254], course_key, uuid)


def learners_named(text: str, course_key: str = "") -> dict[int, Learner]:
    """Learners whom a site reports, by the beginning of username, email or name, or by the user id; none for no text.

    Arguments:
        course_key: only who is reported of this course run.

    Raises:
        PlatformUnavailable: the LMS cannot tell who is enrolled.
    """
    # Here, and not above: the lists of the admin are there when the LMS starts, and what they find is not.
    from percipio_openedx.admin import people

    found = people.reported(_accounts(text), course_key)
    return dict(islice(found.items(), MOST_LEARNERS))


def typed_in_full(text: str) -> Learner | None:
    """The account whose user id, username or email was typed in full: whoever asks knows whom they mean."""
    exact = [
        account
        for account in _accounts(text).values()
        if text.lower() in (account.username.lower(), account.email.lower(), str(account.user_id))
    ]
    return exact[0] if len(exact) == 1 else None


def _accounts(text: str) -> dict[int, Learner]:
    if not text:
        return {}
    found = edx_platform.find_learners(text, MOST_ACCOUNTS)
    if text.isascii() and text.isdigit() and len(text) < 19:
        found = {**edx_platform.learners([int(text)]), **found}
    return found


def learner_courses(query: Query) -> QuerySet[LearnerCourse]:
    """The learners in courses that a query means."""
    rows = LearnerCourse.objects.all()
    if query.course_key:
        rows = rows.filter(course_key=query.course_key)
    if query.learner:
        ids: set[int] = set()
        with suppress(PlatformUnavailable):
            ids |= set(learners_named(query.learner))
        if (account := typed_in_full(query.learner)) is not None:
            ids.add(account.user_id)
        if query.learner.isascii() and query.learner.isdigit() and len(query.learner) < 19:
            # Also where the account is gone.
            ids.add(int(query.learner))
        rows = rows.filter(user_id__in=ids)
    return rows


def statements(rows: QuerySet[Statement], query: Query) -> QuerySet[Statement]:
    """Of these statements those that a query means."""
    if query.uuid is not None:
        known = Statement.objects.filter(uuid=query.uuid).exists()
        rows = rows.filter(uuid=query.uuid) if known else rows.filter(learner_course__registration=query.uuid)
    if query.learner:
        rows = rows.filter(belonging_to(learner_courses(query)))
    elif query.course_key:
        rows = rows.filter(course_key=query.course_key)
    return rows


def belonging_to(found: QuerySet[LearnerCourse]) -> Q:
    """Statements of these learners in courses: by their ids where they are few, else by a subquery.

    With few of them the newest statements may lie anywhere in the table, and the ids lead there; with many of them the
    newest are soon met in the order of the table.
    """
    pks = list(found.values_list("pk", flat=True)[: FEW + 1])
    return Q(learner_course_id__in=pks if len(pks) <= FEW else found.values("pk"))


def is_course_key(word: str) -> bool:
    """Whether a word is the key of a course run."""
    try:
        return bool(edx_platform.parsed(word).run)
    except PlatformUnavailable:
        return False


def _uuid(word: str) -> UUID | None:
    try:
        return UUID(word) if len(word) in (32, 36) else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class CourseChoice:
    """What a text means: one course run's ``key``, or else a ``problem`` and what there is to choose from, by name."""

    key: str = ""
    problem: str = ""
    found: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False


def chosen(text: str) -> CourseChoice:
    """Return what was typed, understood; without a text neither a key nor a problem."""
    text = text.replace("\0", "").strip()[:255]
    if not text or is_course_key(text):
        return CourseChoice(text)
    try:
        found = edx_platform.find_courses(text, MOST_COURSES + 1)
    except PlatformUnavailable as error:
        return CourseChoice(problem=_("The LMS cannot tell: %(error)s.") % {"error": error})
    if len(found) == 1:
        return CourseChoice(next(iter(found)))
    if not found:
        return CourseChoice(problem=_("No course has that in its name or key."))
    is_cut = len(found) > MOST_COURSES
    return CourseChoice("", _("Several courses are meant."), dict(islice(found.items(), MOST_COURSES)), is_cut)
