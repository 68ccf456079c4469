"""Find the statements matching a query, by index in storing order, and how far the answer is complete.

Every read fixes the leading columns of an index that ends in ``stored_at``, so a page costs about as many index entries
as statements, wherever in the table it lies:

* a registration, or a learner as actor: that learner's few statements, each filtered by the other conditions;
* only a verb: the statements with that verb, and the topics of those that void such a statement;
* activities, and people other than the actor: the topics with all terms;
* none of these: the whole site.

A statement that refers to another also matches by the other's terms (xAPI 1.0.3, Communication 2.1.3, filter conditions
for StatementRefs): its topic has the terms of both. Voided statements are excluded.
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
from percipio_openedx.models.destination import Destination, Place
from percipio_openedx.models.statement import Statement, StatementLedger, StatementQuerySet, TopicTerm
from percipio_openedx.statements.ids import activity_term, agent_term, verb_term
from percipio_openedx.statements.vocabulary import VERB_VOIDED

# Most bytes of statements per answer; the one that crosses the limit is included.
LARGEST: Final = 4 * 1024 * 1024
# Topics read per query: a course has a handful, an instructor of many courses hundreds.
TOGETHER: Final = 50

# "Consistent through" for clients that may see nothing.
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_TICK: Final = timedelta(microseconds=1)

# When a statement was stored (unique within a site), and its row.
Entry = tuple[datetime, int]


class StoredStatement(NamedTuple):
    """A statement as a page holds it."""

    uuid: UUID
    stored_at: datetime
    body: bytes


class Page(NamedTuple):
    """Statements in order, and when the last was stored if more follow."""

    statements: list[StoredStatement]
    goes_on_after: datetime | None


class Window(NamedTuple):
    """The times of storing to read: after ``low``, up to and including ``high``."""

    low: datetime
    high: datetime
    ascending: bool

    def behind(self, moment: datetime) -> Window:
        """Return the rest after reading up to and including a moment."""
        return self._replace(low=moment) if self.ascending else self._replace(high=moment - _TICK)

    def up_to(self, moment: datetime) -> Window:
        """Return the part up to and including a moment."""
        return self._replace(high=moment) if self.ascending else self._replace(low=moment - _TICK)


def single(place: Place, uuid: UUID, *, voided: bool) -> StoredStatement | None:
    """Return the statement with an id and this voided state, if any."""
    rows = _statements_of(place).filter(uuid=uuid, voided_by__isnull=not voided)
    return next(iter(_stored(rows).values()), None)


def page(place: Place, query: Query, window: Window, authority_key: str) -> Page:
    """Return the first matching statements in the window: as many as requested, fewer if they are large.

    ``place`` is a site and the account whose statements may be read. All of them are related to the authority of
    ``authority_key``.
    """
    reading = _Reading(place, window, query.limit + 1)
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
    terms = []  # the rarer one first
    if query.activity_key:
        terms.append(activity_term(query.activity_key, related=query.related_activities))
    if query.verb:
        terms.append(verb_term(query.verb))
    registration = {"registration": query.registration} if query.registration else {}
    if agent:
        reading.filtered(terms, actor_key=agent, **registration)
        # A voiding statement may name a newer address of the learner.
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
    """Collect the first statements of a site's account in a window from several parts.

    Once there are enough, the window shrinks to end at the last of them for the parts that follow.
    """

    def __init__(self, place: Place, window: Window, wanted: int) -> None:
        self._statements, self._window, self._wanted = _statements_of(place), window, wanted
        self._site_id, _account = place
        self.found: list[Entry] = []

    def first(self, **equal: Any) -> None:
        """Read statements with these values, the leading columns of an index in storing order."""
        self._take(self._within(**equal).values_list("stored_at", "pk")[: self._wanted])

    def filtered(self, terms: Sequence[str], **equal: Any) -> None:
        """Read statements with these values, which few have, and a topic with all these terms."""
        if not terms:
            return self.first(**equal)
        rows = list(self._within(**equal).values_list("stored_at", "pk", "topic"))
        topics = self.topics(terms).filter(topic__in={topic for _, _, topic in rows})
        fitting = set(topics.values_list("topic", flat=True))
        return self._take((stored_at, pk) for stored_at, pk, topic in rows if topic in fitting)

    def of_topics(self, terms: Sequence[str]) -> None:
        """Read statements of topics with all these terms: a stretch of index per topic, many per query."""
        topics = list(self.topics(terms).values_list("topic", flat=True))
        can_unite = connections[router.db_for_write(Statement)].features.supports_slicing_ordering_in_compound
        for start in range(0, len(topics), TOGETHER):
            some = topics[start : start + TOGETHER]
            rows = self._within().values_list("stored_at", "pk")
            each = [rows.filter(topic=topic)[: self._wanted] for topic in some]
            self._take(each[0].union(*each[1:], all=True) if can_unite else chain.from_iterable(each))

    def topics(self, terms: Sequence[str]) -> QuerySet[TopicTerm]:
        """Return the distinct topics with all these terms; give the rarest term first."""
        known = TopicTerm.objects.using(router.db_for_write(Statement)).filter(site_id=self._site_id)
        found = known.filter(term=terms[0])
        for term in terms[1:]:
            found = found.filter(topic__in=known.filter(term=term).values("topic"))
        return found

    def voiding_ids(self, actor_key: str) -> list[UUID]:
        """Return the statements that void one of this actor's."""
        rows = self._statements.filter(actor_key=actor_key, voided_by__isnull=False)
        return [uuid for uuid in rows.order_by().values_list("voided_by", flat=True) if uuid is not None]

    def _within(self, **equal: Any) -> StatementQuerySet:
        """Return unvoided statements with these values, in any delivery state."""
        low, high, ascending = self._window
        rows = self._statements.filter(voided_by__isnull=True, stored_at__lte=high, **equal)
        return rows.filter(stored_at__gt=low).order_by("stored_at" if ascending else "-stored_at")

    def _take(self, entries: Iterable[Entry]) -> None:
        in_order = sorted({*self.found, *entries}, reverse=not self._window.ascending)
        self.found = in_order[: self._wanted]
        if len(self.found) == self._wanted:
            self._window = self._window.up_to(self.found[-1][0])


def _statements() -> StatementQuerySet:
    """Read from the primary database: a lagging replica would break the answer's promise."""
    return Statement.objects.using(router.db_for_write(Statement))


def _statements_of(place: Place) -> StatementQuerySet:
    """Return the statements made for one account of a site; only where there are others, by their destinations."""
    site_id, account = place
    rows = _statements().filter(site_id=site_id)
    destinations = Destination.objects.using(router.db_for_write(Statement)).filter(site_id=site_id)
    if not destinations.exclude(account=account).exists():
        return rows
    return rows.filter(destination_id__in=list(destinations.filter(account=account).values_list("pk", flat=True)))


def _stored(rows: StatementQuerySet) -> dict[int, StoredStatement]:
    found = rows.values_list("pk", "uuid", "stored_at", "body")
    return {pk: StoredStatement(uuid, stored_at, bytes(body)) for pk, uuid, stored_at, body in found}


def written(moment: datetime) -> str:
    """Return a time with microseconds and ``Z``, as in ``stored`` and X-Experience-API-Consistent-Through."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def consistent_through(site_id: int) -> datetime:
    """Return the time up to which no more statements of a site can appear: now, unless a writer is at work.

    Writers store a site's statements one at a time, under the lock of its ledger row, with times increasing from the
    row's. So nothing is ever stored at or before the time in a row that we have locked; we advance it to now, so that a
    writer with a slower clock still stores later. If a writer holds the lock, the *committed* time is the answer: it
    stores later than that. Nobody waits.

    Call outside a transaction: the statements must be read afterwards, not in an older snapshot.
    """
    database = router.db_for_write(StatementLedger)
    rows = StatementLedger.objects.using(database).filter(site_id=site_id)
    can_skip = connections[database].features.has_select_for_update_skip_locked
    # SQLite has a single lock; a current writer keeps it.
    with suppress(OperationalError), transaction.atomic(using=database):
        if not can_skip:
            rows.update(last_stored_at=F("last_stored_at"))  # the lock first, or what is read may be old
        row = (rows.select_for_update(skip_locked=True) if can_skip else rows).first()
        if row is not None:
            row.last_stored_at = max(row.last_stored_at, timezone.now())
            row.save(update_fields=["last_stored_at"])
            return row.last_stored_at
    # Another writer has the lock, or there is no row yet.
    committed, _ = rows.get_or_create(site_id=site_id, defaults={"last_stored_at": timezone.now()})
    return committed.last_stored_at
