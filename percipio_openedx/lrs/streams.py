"""Which statements answer a question: one or more streams of rows, each read off one index in the order of storing.

Every stream asks for equal values in the leading columns of an index whose last column is ``stored_at``, so that a page
costs as many index entries as it has statements, wherever in the table it lies:

* a registration, or a learner as actor: a stream of that learner's few statements, the other conditions tried on each;
* a verb alone: a stream of that verb, and one of the statements that take others back, those of such a verb kept;
* activities, and people who are not the actor: a stream for each topic that has all that is asked for;
* nothing of these: a stream of the whole site.

A statement that refers to another matches by what the other matches by (Communication 2.1.3, filter conditions for
StatementRefs): its topic has the terms of both. Voided statements are in no stream.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import models, router

from percipio_openedx.lrs.query import Query
from percipio_openedx.models.statement import Statement, StatementQuerySet
from percipio_openedx.models.topic import TopicTerm
from percipio_openedx.statements.terms import activity_term, agent_term, verb_term
from percipio_openedx.statements.vocabulary import VERB_VOIDED

TICK = timedelta(microseconds=1)

# Rows that are read of each stream first, where there are many streams: most of them give few to a page, or none.
FIRST_OF_MANY = 4

# When a statement was stored, its row, and its topic where that matters.
Entry = tuple[datetime, int, int | None]


@dataclass(frozen=True, slots=True)
class Window:
    """Between which times of storing to read: after ``low`` (if any), up to and including ``high``."""

    low: datetime | None
    high: datetime
    ascending: bool

    def behind(self, moment: datetime) -> Window:
        """What is left when everything up to and including that moment has been read."""
        if self.ascending:
            return Window(moment if self.low is None else max(self.low, moment), self.high, True)
        return Window(self.low, min(self.high, moment - TICK), False)


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A statement's place: when it was stored, which is unique within a site, and its row."""

    stored_at: datetime
    pk: int


@dataclass(slots=True)
class Stream:
    """Rows in the order of storing.

    Arguments:
        terms: what the topic of each has to have besides.
        topic_id: the one topic of all of them, if they are found by it alone.
    """

    rows: StatementQuerySet
    terms: frozenset[str] = frozenset()
    topic_id: int | None = None
    _fits: dict[int | None, bool] = field(default_factory=dict)

    def batch(self, window: Window, at_once: int) -> models.QuerySet[Statement, Entry]:
        """The first rows of the window, read off the index alone."""
        topic = models.F("topic_id") if self.terms else models.Value(None, models.BigIntegerField())
        rows = self.rows if self.topic_id is None else self.rows.filter(topic=self.topic_id)
        return within(rows, window).values_list("stored_at", "pk", topic)[:at_once]

    def read(self, window: Window, at_once: int, first: Sequence[Entry] | None = None) -> Iterator[Found]:
        """What lies in the window, first ones first, in batches and only as far as is asked.

        Arguments:
            at_once: rows in a batch.
            first: the first batch, where it has been read already; one that is not full is the last.
        """
        size = at_once if first is None else FIRST_OF_MANY
        batch = list(self.batch(window, at_once)) if first is None else first
        while True:
            yield from self._fitting(batch)
            if len(batch) < size:
                return
            window, size = window.behind(batch[-1][0]), at_once
            batch = list(self.batch(window, at_once))

    def _fitting(self, batch: Sequence[Entry]) -> list[Found]:
        if not self.terms:
            return [Found(stored_at, pk) for stored_at, pk, _ in batch]
        new = {topic_id for _, _, topic_id in batch} - self._fits.keys()
        if new:
            first, *others = sorted(self.terms)
            fitting = set(topics_with(first, others, TopicTerm.objects.filter(topic_id__in=new - {None})))
            self._fits.update((topic_id, topic_id in fitting) for topic_id in new)
        return [Found(stored_at, pk) for stored_at, pk, topic_id in batch if self._fits[topic_id]]


def streams(site_id: int, query: Query, authority_key: str) -> list[Stream]:
    """The streams that together hold every statement that answers, some perhaps twice.

    Arguments:
        authority_key: the key of the authority of all statements of the site: who asks for those related to it, asks
            for all of them.
    """
    terms = frozenset(_terms(query))
    actor_key = query.actor_key
    if query.related_agents and actor_key == authority_key:
        actor_key = ""
    if actor_key:
        return [*_of_learner(site_id, query, actor_key, terms), *_of_person(site_id, query, actor_key, terms)]
    rows = served(site_id)
    if query.registration:
        return [Stream(rows.filter(registration=query.registration), terms)]
    if query.activity_key:
        return _of_topics(site_id, *_terms(query))
    if query.verb:
        return _of_verb(site_id, query.verb)
    return [Stream(rows)]


def single(site_id: int, uuid: UUID, *, voided: bool) -> int | None:
    """The row of the one statement that has an id and is voided, or is not."""
    rows = _of_site(site_id).filter(uuid=uuid, voided_by__isnull=not voided)
    pk: int | None = rows.values_list("pk", flat=True).first()
    return pk


def served(site_id: int) -> StatementQuerySet:
    """A site's statements but for the voided ones, whatever has become of their delivery.

    Read where it is written: a copy of the database that lags would make the answer's promise untrue.
    """
    return _of_site(site_id).filter(voided_by__isnull=True)


def topics_with(first: str, others: Collection[str], among: models.QuerySet[TopicTerm]) -> list[int]:
    """The topics that have every one of these terms, among those of the rows given.

    Arguments:
        first: the term that the fewest topics have: the others are looked for in those alone.
    """
    found = sorted(among.filter(term=first).values_list("topic_id", flat=True))
    for term in sorted(others):
        found = sorted(among.filter(term=term, topic_id__in=found).values_list("topic_id", flat=True))
    return found


def _of_site(site_id: int) -> StatementQuerySet:
    return Statement.objects.using(_database()).filter(site_id=site_id)


def _terms_of_site(site_id: int) -> models.QuerySet[TopicTerm]:
    return TopicTerm.objects.using(_database()).filter(site_id=site_id)


def _database() -> str:
    return router.db_for_write(Statement)


def _terms(query: Query) -> Iterator[str]:
    """What a topic has to have, the rarer one first."""
    if query.activity_key:
        yield activity_term(query.activity_key, related=query.related_activities)
    if query.verb:
        yield verb_term(query.verb)


def _of_learner(site_id: int, query: Query, actor_key: str, terms: frozenset[str]) -> list[Stream]:
    """The learner's own, and those that take one of them back in another name: the learner may have a new address."""
    rows = served(site_id)
    if query.registration:
        rows = rows.filter(registration=query.registration)
    found = [Stream(rows.filter(actor_key=actor_key), terms)]
    if retractions := _retractions(site_id, actor_key):
        found.append(Stream(rows.filter(uuid__in=retractions), terms))
    return found


def _retractions(site_id: int, actor_key: str) -> list[UUID]:
    voided = _of_site(site_id).filter(actor_key=actor_key, voided_by__isnull=False)
    return [uuid for uuid in voided.values_list("voided_by", flat=True) if uuid is not None]


def _of_person(site_id: int, query: Query, key: str, terms: frozenset[str]) -> list[Stream]:
    """Those that name a person besides the actor."""
    if not query.related_agents:
        return []
    if query.registration:
        return [Stream(served(site_id).filter(registration=query.registration), terms | {agent_term(key)})]
    if query.activity_key:
        return _of_topics(site_id, *_terms(query), agent_term(key))
    return _of_topics(site_id, agent_term(key), *_terms(query))


def _of_topics(site_id: int, first: str, *others: str) -> list[Stream]:
    rows = served(site_id)
    return [Stream(rows, topic_id=pk) for pk in topics_with(first, others, _terms_of_site(site_id))]


def _of_verb(site_id: int, verb: str) -> list[Stream]:
    """Those with the verb, and those that take one with the verb back."""
    known = _terms_of_site(site_id)
    if not known.filter(term=verb_term(verb)).exists():
        return []  # also for a verb in another case, which some databases would find equal
    found = [Stream(served(site_id).filter(verb=verb))]
    if verb != VERB_VOIDED and topics_with(verb_term(VERB_VOIDED), [verb_term(verb)], known):
        found.append(Stream(served(site_id).filter(verb=VERB_VOIDED), frozenset({verb_term(verb)})))
    return found


def within(rows: StatementQuerySet, window: Window) -> StatementQuerySet:
    """The rows that lie in a window, in its order."""
    rows = rows.filter(stored_at__lte=window.high)
    if window.low is not None:
        rows = rows.filter(stored_at__gt=window.low)
    return rows.order_by("stored_at" if window.ascending else "-stored_at")
