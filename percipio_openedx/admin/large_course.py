"""The list of a large course's statements: read as far as the page, however many statements the course has.

No index holds a course's statements in their order. So those of one with many learners would all be read, to sort them
or to look at their states. Two ways lead past that:

* The course alone: a statement's topic names its course run, and an index holds each topic's statements in the order
  of their storing. A page is what is newest in the few topics of the course.
* The course and a state that few statements have, so any but delivered: the newest in that state are read, and those of
  the course are shown. What lies behind the newest 10,000 in the state is not looked at.

With other filters the list is read as that of a small course.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.core.paginator import Page
from django.db.models import Q, QuerySet

from percipio_openedx import config
from percipio_openedx.admin import search
from percipio_openedx.admin.paging import MOST, BoundedPaginator
from percipio_openedx.admin.statement_filters import OUTCOMES, in_state, with_outcome
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.ledger import StatementLedger
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.models.topic import TopicTerm
from percipio_openedx.statements.content import course_url
from percipio_openedx.statements.ids import activity_key
from percipio_openedx.statements.terms import activity_term
from percipio_openedx.statements.vocabulary import VERB_VOIDED

Rows = QuerySet[Statement]

# The parameters of a list that nothing but the course narrows.
PLAIN = frozenset({"course", "q", "p", "all"})
# Nearly all statements are.
DELIVERED = (State.DELIVERED, "taken")
AT_ONCE = 1000


def paginator(asked: Mapping[str, str], rows: Rows, *args: Any, **kwargs: Any) -> BoundedPaginator | None:
    """The pages of what is asked for, if that is one large course; else None.

    Arguments:
        asked: the parameters of the list.
        rows: all that they leave.
        args: as Django's paginator takes them, with ``kwargs``.
    """
    course_key = _course_of(asked)
    if not course_key or not _is_large(course_key):
        return None
    if (state := _rare_state_of(asked)) is not None:
        found = _of_course(course_key, Statement.objects.filter(state))
        return BoundedPaginator(rows.filter(pk__in=found), *args, **kwargs)
    if any(value and name not in PLAIN for name, value in asked.items()):
        return None
    return TopicPages(rows, *args, topics=_topics(course_key), **kwargs)


class TopicPages(BoundedPaginator):
    """Pages of a course's statements, each the newest of its topics put together.

    Arguments:
        topics: the sites and keys of the course's topics.
    """

    def __init__(self, rows: Rows, *args: Any, topics: list[tuple[int, int]], **kwargs: Any) -> None:
        super().__init__(rows, *args, **kwargs)
        self._rows = rows
        self._topics = topics

    def page(self, number: int | str) -> Page[Any]:
        """The keys by the topics. Where those are too few, some statements name an address that the LMS had before."""
        place = self.validate_number(number)
        first = (place - 1) * self.per_page
        last = min(first + self.per_page, self.count)
        keys = self._newest(last)[first:]
        if len(keys) < last - first:
            return super().page(number)
        return Page(self._rows.filter(pk__in=keys), place, self)

    def _newest(self, count: int) -> list[int]:
        """The keys of the newest rows, of all pages up to the one that is wanted."""
        standing = sorted((pk for topic in self._topics for pk in self._standing(*topic, count)), reverse=True)[:count]
        return sorted([*standing, *self._voided(standing)], reverse=True)[:count]

    def _standing(self, site_id: int, topic_id: int, count: int) -> Iterable[int]:
        """The newest of a topic, but for voided ones, which stand elsewhere in the index."""
        rows = Statement.objects.filter(site_id=site_id, voided_by__isnull=True, topic_id=topic_id)
        return rows.order_by("-stored_at").values_list("pk", flat=True)[:count]

    def _voided(self, newest: list[int]) -> Iterator[int]:
        """What these take back. Whatever is voided is older than what voids it, so none is missed by this."""
        sites = {site_id for site_id, _ in self._topics}
        for some in _in_parts(newest):
            voiding = Statement.objects.filter(pk__in=some, verb=VERB_VOIDED).values_list("uuid", flat=True)
            if uuids := list(voiding):
                rows = Statement.objects.filter(site_id__in=sites, voided_by__in=uuids)
                yield from rows.values_list("pk", flat=True)


def _course_of(asked: Mapping[str, str]) -> str:
    """The one course run that is asked for, chosen or searched; empty if a learner or an id is asked for, too."""
    query = search.understood(asked.get("q", ""))
    if query.learner or query.uuid:
        return ""
    named = {key for key in (asked.get("course", "").strip(), query.course_key) if key}
    return named.pop() if len(named) == 1 else ""


def _is_large(course_key: str) -> bool:
    rows = LearnerCourse.objects.filter(course_key=course_key).order_by()
    return len(rows.values_list("pk", flat=True)[search.FEW : search.FEW + 1]) > 0


def _rare_state_of(asked: Mapping[str, str]) -> Q | None:
    state, outcome = asked.get("state", ""), asked.get("outcome", "")
    if state in set(State) and state not in DELIVERED:
        return in_state(state)
    return with_outcome(outcome) if outcome in OUTCOMES and outcome not in DELIVERED else None


def _of_course(course_key: str, rows: Rows) -> list[int]:
    """Of the newest of these rows those of a course."""
    by_learner: dict[int, list[int]] = defaultdict(list)
    for pk, learner in rows.order_by("-pk").values_list("pk", "learner_course_id")[:MOST]:
        by_learner[learner].append(pk)
    found: list[int] = []
    for some in _in_parts(list(by_learner)):
        theirs = LearnerCourse.objects.filter(pk__in=some, course_key=course_key)
        for learner in theirs.values_list("pk", flat=True):
            found += by_learner[learner]
    return found


def _topics(course_key: str) -> list[tuple[int, int]]:
    """The topics of a course run's statements: those that name its address in this LMS."""
    term = activity_term(activity_key(course_url(course_key, config.lms_root())), related=True)
    # Of every site, so that the index can be used.
    sites = list(StatementLedger.objects.values_list("pk", flat=True))
    found = TopicTerm.objects.filter(site_id__in=sites, term=term)
    return list(found.order_by("topic_id").values_list("site_id", "topic_id"))


def _in_parts(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]
