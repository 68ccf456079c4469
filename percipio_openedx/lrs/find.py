"""Which statements answer a question, read off the indexes in the order of their storing.

Whatever is read asks for equal values in the leading columns of an index whose last column is ``stored_at``, so that a
page costs about as many index entries as it has statements, wherever in the table it lies:

* a registration, or a learner as actor: that learner's few statements, the other conditions tried on each;
* a verb alone: the statements with that verb, and the topics of those that take such a statement back;
* activities, and people who are not the actor: the topics that have all that is asked for;
* nothing of these: the whole site.

A statement that refers to another matches by what the other matches by (xAPI 1.0.3, Communication 2.1.3, filter
conditions for StatementRefs): its topic has the terms of both. Voided statements are never among them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import router
from django.db.models import OuterRef, QuerySet, Subquery

from percipio_openedx.lrs.query import Query
from percipio_openedx.models.statement import Statement, StatementQuerySet
from percipio_openedx.models.topic import TopicTerm
from percipio_openedx.statements.terms import activity_term, agent_term, verb_term
from percipio_openedx.statements.vocabulary import VERB_VOIDED

# Bytes of statements in one answer; the one that passes the mark is still given.
LARGEST: Final = 4 * 1024 * 1024

_TICK: Final = timedelta(microseconds=1)

# When a statement was stored, which is unique within a site, and its row.
Entry = tuple[datetime, int]


class StoredStatement(NamedTuple):
    """A statement as it is stored."""

    uuid: UUID
    stored_at: datetime
    body: bytes


class Page(NamedTuple):
    """Statements in their order, and when the last of them was stored if there are more behind it."""

    statements: list[StoredStatement]
    goes_on_after: datetime | None


@dataclass(frozen=True, slots=True)
class Window:
    """Between which times of storing to read: after ``low`` (if any), up to and including ``high``."""

    low: datetime | None
    high: datetime
    ascending: bool

    def behind(self, moment: datetime) -> Window:
        """Return what is left when everything up to and including that moment has been read."""
        return self._after(moment) if self.ascending else replace(self, high=min(self.high, moment - _TICK))

    def up_to(self, moment: datetime) -> Window:
        """Return what is read when reading stops behind that moment."""
        return replace(self, high=min(self.high, moment)) if self.ascending else self._after(moment - _TICK)

    def of(self, rows: StatementQuerySet) -> StatementQuerySet:
        """Return the rows that lie in the window, in its order."""
        rows = rows.filter(stored_at__lte=self.high)
        if self.low is not None:
            rows = rows.filter(stored_at__gt=self.low)
        return rows.order_by("stored_at" if self.ascending else "-stored_at")

    def _after(self, moment: datetime) -> Window:
        return replace(self, low=moment if self.low is None else max(self.low, moment))


def single(site_id: int, uuid: UUID, *, voided: bool) -> StoredStatement | None:
    """Return the one statement that has an id and is voided, or is not."""
    rows = _statements().filter(site_id=site_id, uuid=uuid, voided_by__isnull=not voided)
    return next(iter(_stored(rows).values()), None)


def page(site_id: int, query: Query, window: Window, authority_key: str) -> Page:
    """Return the first statements of the window that answer: as many as are asked for, fewer where they are large.

    Arguments:
        site_id: whose statements.
        query: what is asked for.
        window: where to read.
        authority_key: the key of the authority of all statements of the site: who asks for those related to it, asks
            for all of them.
    """
    limit = query.limit
    parts = _parts(_Reading(site_id, window, limit + 1), query, authority_key)
    entries = sorted({entry for part in parts for entry in part}, reverse=not window.ascending)[: limit + 1]
    stored = _stored(_statements().filter(pk__in=[pk for _, pk in entries[:limit]]))
    statements: list[StoredStatement] = []
    size = 0
    for count, (stored_at, pk) in enumerate(entries, start=1):
        if pk in stored:  # or erased since
            statements.append(stored[pk])
            size += len(stored[pk].body)
        if count < len(entries) and (count == limit or size > LARGEST):
            return Page(statements, stored_at)
    return Page(statements, None)


def _parts(reading: _Reading, query: Query, authority_key: str) -> Iterator[Iterable[Entry]]:
    """Read the parts that together hold the first of the statements that answer, some perhaps twice."""
    agent, terms = query.actor_key, list(_terms(query))
    registration = {"registration": query.registration} if query.registration else {}
    if query.related_agents and agent == authority_key:
        agent = ""
    if agent:
        yield reading.tried(terms, actor_key=agent, **registration)
        # What takes one of them back may name another address: the learner has a new one since.
        yield reading.tried(terms, uuid__in=reading.takers_back(agent), **registration)
        if not query.related_agents:
            return
        terms.insert(0, agent_term(agent))
    if registration:
        yield reading.tried(terms, **registration)
    elif agent or query.activity_key:
        yield reading.of_topics(terms)
    elif not query.verb:
        yield reading.first()
    elif reading.topics(terms).exists():  # else nothing has it; some databases would find it in another case
        yield reading.first(verb=query.verb)
        if query.verb != VERB_VOIDED:
            yield reading.of_topics([*terms, verb_term(VERB_VOIDED)])


def _terms(query: Query) -> Iterator[str]:
    """Yield what a topic has to have, the rarer one first."""
    if query.activity_key:
        yield activity_term(query.activity_key, related=query.related_activities)
    if query.verb:
        yield verb_term(query.verb)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of a site's statements: the first so many in a window that ...

    Arguments:
        wanted: how many.
    """

    site_id: int
    window: Window
    wanted: int

    def first(self, **equal: Any) -> Iterable[Entry]:
        """... have these values, which lead into an index that is in the order of storing."""
        return self._within(**equal).values_list("stored_at", "pk")[: self.wanted]

    def tried(self, terms: Sequence[str], **equal: Any) -> Iterable[Entry]:
        """... have these values, as few have, and a topic with all these terms."""
        if not terms:
            return self.first(**equal)
        rows = list(self._within(**equal).values_list("stored_at", "pk", "topic"))
        topics = self.topics(terms).filter(topic__in={topic for _, _, topic in rows})
        fitting = set(topics.values_list("topic", flat=True))
        return [(stored_at, pk) for stored_at, pk, topic in rows if topic in fitting]

    def of_topics(self, terms: Sequence[str]) -> Iterable[Entry]:
        """... have a topic with all these terms; some more than so many.

        Two queries, however many topics there are. The first looks, on each topic's stretch of the index, where its
        first, fourth, sixteenth ... statement in the window lies. If the ``n``-th of ``k`` topics lies within some
        moment, so do at least ``n * k`` statements: the nearest moment within which as many lie as are wanted is where
        the second query stops. Up to there lie four times as many for each of the steps at the most.
        """
        steps = list(_steps(self.wanted))
        places = self._within(topic=OuterRef("topic")).values("stored_at")
        marks = {f"place_{step}": Subquery(places[step - 1 : step]) for step in steps}
        found = list(self.topics(terms).annotate(**marks).values_list("topic", *marks))
        columns = {step: [moments[place] for _, *moments in found] for place, step in enumerate(steps)}
        stops = [stop for step, moments in columns.items() if (stop := self._stop(step, moments))]
        nearest = min if self.window.ascending else max
        window = self.window.up_to(nearest(stops)) if stops else self.window
        rows = self._served().filter(topic__in=[topic for topic, first, *_ in found if first is not None])
        return window.of(rows).order_by().values_list("stored_at", "pk")

    def topics(self, terms: Sequence[str]) -> QuerySet[TopicTerm]:
        """Return the topics that have all these terms, each once; the first term is the one that the fewest have."""
        known = TopicTerm.objects.using(router.db_for_write(Statement)).filter(site_id=self.site_id)
        found = known.filter(term=terms[0])
        for term in terms[1:]:
            found = found.filter(topic__in=known.filter(term=term).values("topic"))
        return found

    def takers_back(self, actor_key: str) -> list[UUID]:
        """Return what takes back a statement of this actor."""
        rows = _statements().filter(site_id=self.site_id, actor_key=actor_key, voided_by__isnull=False)
        return [uuid for uuid in rows.values_list("voided_by", flat=True) if uuid is not None]

    def _stop(self, step: int, moments: Iterable[datetime | None]) -> datetime | None:
        """Return up to when as many lie as are wanted, as far as this step tells."""
        known = sorted((moment for moment in moments if moment), reverse=not self.window.ascending)
        enough = math.ceil(self.wanted / step)
        return known[enough - 1] if len(known) >= enough else None

    def _within(self, **equal: Any) -> StatementQuerySet:
        return self.window.of(self._served().filter(**equal))

    def _served(self) -> StatementQuerySet:
        """Return all but the voided ones, whatever has become of their delivery."""
        return _statements().filter(site_id=self.site_id, voided_by__isnull=True)


def _steps(wanted: int) -> Iterator[int]:
    step = 1
    while step < wanted:
        yield step
        step *= 4
    yield wanted


def _statements() -> StatementQuerySet:
    """Read where it is written: a copy of the database that lags would make the answer's promise untrue."""
    return Statement.objects.using(router.db_for_write(Statement))


def _stored(rows: StatementQuerySet) -> dict[int, StoredStatement]:
    found = rows.values_list("pk", "uuid", "stored_at", "body")
    return {pk: StoredStatement(uuid, stored_at, bytes(body)) for pk, uuid, stored_at, body in found}
