"""Which statements answer a question, read off the indexes in the order of their storing, and up to when that is all.

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

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import OperationalError, connections, router, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from percipio_openedx.lrs.query import Query
from percipio_openedx.models.statement import Statement, StatementLedger, StatementQuerySet, TopicTerm
from percipio_openedx.statements.ids import activity_term, agent_term, verb_term
from percipio_openedx.statements.vocabulary import VERB_VOIDED

# Bytes of statements in one answer; the one that passes the mark is still given.
LARGEST: Final = 4 * 1024 * 1024
# Topics whose statements are read by one query: a course has a handful, an instructor of many courses hundreds.
TOGETHER: Final = 50

# The honest "consistent through" for those who may see nothing.
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

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


class Window(NamedTuple):
    """Between which times of storing to read: after ``low``, up to and including ``high``."""

    low: datetime
    high: datetime
    ascending: bool

    def behind(self, moment: datetime) -> Window:
        """Return what is left when everything up to and including a moment in it has been read."""
        return self._replace(low=moment) if self.ascending else self._replace(high=moment - _TICK)

    def up_to(self, moment: datetime) -> Window:
        """Return what is read when reading stops behind a moment in it."""
        return self._replace(high=moment) if self.ascending else self._replace(low=moment - _TICK)


def single(site_id: int, uuid: UUID, *, voided: bool) -> StoredStatement | None:
    """Return the one statement that has an id and is voided, or is not."""
    rows = _statements().filter(site_id=site_id, uuid=uuid, voided_by__isnull=not voided)
    return next(iter(_stored(rows).values()), None)


def page(site_id: int, query: Query, window: Window, authority_key: str) -> Page:
    """Return the first statements of the window that answer: as many as are asked for, fewer where they are large.

    Arguments:
        authority_key: that of all statements of the site: who asks for those related to it, asks for all of them.
    """
    reading = _Reading(site_id, window, query.limit + 1)
    _read(reading, query, "" if query.related_agents and query.actor_key == authority_key else query.actor_key)
    entries = reading.found
    stored = _stored(_statements().filter(pk__in=[pk for _, pk in entries[: query.limit]]))
    statements: list[StoredStatement] = []
    size = 0
    for count, (stored_at, pk) in enumerate(entries, start=1):
        if pk in stored:  # or erased since
            statements.append(stored[pk])
            size += len(stored[pk].body)
        if count < len(entries) and (count == query.limit or size > LARGEST):
            return Page(statements, stored_at)
    return Page(statements, None)


def _read(reading: _Reading, query: Query, agent: str) -> None:
    """Read all the parts that together hold the first of the statements that answer, some perhaps twice."""
    terms = []  # the rarer one first
    if query.activity_key:
        terms.append(activity_term(query.activity_key, related=query.related_activities))
    if query.verb:
        terms.append(verb_term(query.verb))
    registration = {"registration": query.registration} if query.registration else {}
    if agent:
        reading.filtered(terms, actor_key=agent, **registration)
        # What takes one of them back may name another address: the learner has a new one since.
        reading.filtered(terms, uuid__in=reading.voiding_ids(agent), **registration)
        if not query.related_agents:
            return
        terms.insert(0, agent_term(agent))
    if registration:
        reading.filtered(terms, **registration)
    elif agent or query.activity_key:
        reading.of_topics(terms)
    elif not query.verb:
        reading.first()
    elif reading.topics(terms).exists():  # else nothing has it; some databases would find it in another case
        reading.first(verb=query.verb)
        if query.verb != VERB_VOIDED:
            reading.of_topics([*terms, verb_term(VERB_VOIDED)])


class _Reading:
    """The first so many of a site's statements in a window, put together from the parts that are read.

    As soon as there are enough, the window ends at the last of them: of the parts that follow only what lies before it
    is read.
    """

    def __init__(self, site_id: int, window: Window, wanted: int) -> None:
        self._site_id, self._window, self._wanted = site_id, window, wanted
        self.found: list[Entry] = []

    def first(self, **equal: Any) -> None:
        """Read those that have these values, which lead into an index that is in the order of storing."""
        self._take(self._within(**equal).values_list("stored_at", "pk")[: self._wanted])

    def filtered(self, terms: Sequence[str], **equal: Any) -> None:
        """Read those that have these values, as few have, and a topic with all these terms."""
        if not terms:
            return self.first(**equal)
        rows = list(self._within(**equal).values_list("stored_at", "pk", "topic"))
        topics = self.topics(terms).filter(topic__in={topic for _, _, topic in rows})
        fitting = set(topics.values_list("topic", flat=True))
        return self._take((stored_at, pk) for stored_at, pk, topic in rows if topic in fitting)

    def of_topics(self, terms: Sequence[str]) -> None:
        """Read those that have a topic with all these terms: of each topic a stretch of the index, many in a query."""
        topics = list(self.topics(terms).values_list("topic", flat=True))
        can_unite = connections[router.db_for_write(Statement)].features.supports_slicing_ordering_in_compound
        for start in range(0, len(topics), TOGETHER):
            some = topics[start : start + TOGETHER]
            rows = self._within().values_list("stored_at", "pk")
            each = [rows.filter(topic=topic)[: self._wanted] for topic in some]
            self._take(each[0].union(*each[1:], all=True) if can_unite else chain.from_iterable(each))

    def topics(self, terms: Sequence[str]) -> QuerySet[TopicTerm]:
        """Return the topics that have all these terms, each once; the first term is the one that the fewest have."""
        known = TopicTerm.objects.using(router.db_for_write(Statement)).filter(site_id=self._site_id)
        found = known.filter(term=terms[0])
        for term in terms[1:]:
            found = found.filter(topic__in=known.filter(term=term).values("topic"))
        return found

    def voiding_ids(self, actor_key: str) -> list[UUID]:
        """Return what takes back a statement of this actor."""
        rows = _statements().filter(site_id=self._site_id, actor_key=actor_key, voided_by__isnull=False)
        return [uuid for uuid in rows.order_by().values_list("voided_by", flat=True) if uuid is not None]

    def _within(self, **equal: Any) -> StatementQuerySet:
        """Return those with these values but for the voided ones, whatever has become of their delivery."""
        low, high, ascending = self._window
        rows = _statements().filter(site_id=self._site_id, voided_by__isnull=True, stored_at__lte=high, **equal)
        return rows.filter(stored_at__gt=low).order_by("stored_at" if ascending else "-stored_at")

    def _take(self, entries: Iterable[Entry]) -> None:
        in_order = sorted({*self.found, *entries}, reverse=not self._window.ascending)
        self.found = in_order[: self._wanted]
        if len(self.found) == self._wanted:
            self._window = self._window.up_to(self.found[-1][0])


def _statements() -> StatementQuerySet:
    """Read where it is written: a copy of the database that lags would make the answer's promise untrue."""
    return Statement.objects.using(router.db_for_write(Statement))


def _stored(rows: StatementQuerySet) -> dict[int, StoredStatement]:
    found = rows.values_list("pk", "uuid", "stored_at", "body")
    return {pk: StoredStatement(uuid, stored_at, bytes(body)) for pk, uuid, stored_at, body in found}


def written(moment: datetime) -> str:
    """Return a moment with microseconds and ``Z``, as in ``stored`` and X-Experience-API-Consistent-Through."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def consistent_through(site_id: int) -> datetime:
    """Return the moment up to which no statement of a site can appear any more: now, where no writer is at work.

    Writers store a site's statements one after the other, under the lock of its ledger row, with times that grow from
    the row's own. So nothing can ever be stored at or before the time that stands in a row whose lock is ours; it is
    moved on to now, so that a writer whose clock is behind ours still stores later. Where a writer holds the lock, the
    time that stands there *committed* is the answer: whatever that writer brings is later. Nobody waits.

    To be called outside a transaction: the statements have to be read afterwards, not in an older snapshot.
    """
    database = router.db_for_write(StatementLedger)
    rows = StatementLedger.objects.using(database).filter(site_id=site_id)
    can_skip = connections[database].features.has_select_for_update_skip_locked
    # On SQLite there is one lock for all, and whoever writes just now keeps it.
    with suppress(OperationalError), transaction.atomic(using=database):
        if not can_skip:
            rows.update(last_stored_at=F("last_stored_at"))  # the lock first, or what is read may be old
        row = (rows.select_for_update(skip_locked=True) if can_skip else rows).first()
        if row is not None:
            row.last_stored_at = max(row.last_stored_at, timezone.now())
            row.save(update_fields=["last_stored_at"])
            return row.last_stored_at
    # Another has the lock, or there is no row yet.
    committed, _ = rows.get_or_create(site_id=site_id, defaults={"last_stored_at": timezone.now()})
    return committed.last_stored_at
