"""What the pretend Percipio holds: catalog, statements and Track records, in memory, in the order of their arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from percipio_sandbox.identity import same_content
from percipio_sandbox.messages import Refusal
from percipio_sandbox.validation.statements import is_voiding
from percipio_sandbox.validation.track import STATUSES

TRACK_IDENTITY = ("content_id", "user", "status", "event_date", "completion_percentage")


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted statement, Track record or item; `stored` rises strictly from entry to entry."""

    sequence: int
    stored: datetime
    partner: str
    organization: str | None
    client_id: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Sender:
    """On whose behalf something arrives."""

    partner: str
    organization: str | None
    client_id: str


class Ledger:
    """Entries in the order of arrival, the latest `keep` of them when that is given."""

    def __init__(self, keep: int | None = None) -> None:
        self.entries: list[Entry] = []
        self.total = 0
        self._keep = keep
        self._latest: datetime | None = None

    def append(self, sender: Sender, body: dict[str, Any], now: datetime) -> Entry:
        """Append one body and return its entry."""
        if self._latest is not None and now <= self._latest:
            now = self._latest + timedelta(microseconds=1)
        self._latest = now
        self.total += 1
        entry = Entry(self.total, now, sender.partner, sender.organization, sender.client_id, body)
        self.entries.append(entry)
        return entry

    def prune(self) -> Sequence[Entry]:
        """Drop the entries beyond `keep` and return them."""
        surplus = 0 if self._keep is None else len(self.entries) - self._keep
        if surplus <= 0:
            return ()
        dropped = self.entries[:surplus]
        del self.entries[:surplus]
        return dropped


class StatementStore:
    """Statements by partner and id; a statement is never changed once it is held."""

    def __init__(self, keep: int | None = None) -> None:
        self.ledger = Ledger(keep)
        self.repeated = 0
        self.by_verb: Counter[str] = Counter()
        self.by_partner: Counter[str] = Counter()
        self.by_organization: Counter[str] = Counter()
        self._by_id: dict[tuple[str, str], Entry] = {}
        self._voided: set[tuple[str, str]] = set()

    def find(self, partner: str, statement_id: str) -> Entry | None:
        """Return the entry of a partner's statement, or None when it is not held."""
        return self._by_id.get((partner, statement_id.lower()))

    def is_voided(self, entry: Entry) -> bool:
        """Tell whether a later statement voided this one."""
        return (entry.partner, entry.body["id"].lower()) in self._voided

    def add(self, sender: Sender, statements: Iterable[dict[str, Any]], now: datetime) -> list[Entry]:
        """Hold the statements that are new, all or none of them, and return their entries.

        Raises:
            Refusal: 409 when an id is held with other content or by another organization of the partner, 400 when a
                statement would void a voiding one.
        """
        statements = list(statements)
        new = [statement for statement in statements if not self._is_repeat(sender, statement)]
        for statement in new:
            self._check_voiding(sender.partner, statement)
        self.repeated += len(statements) - len(new)
        entries = [self.ledger.append(sender, statement, now) for statement in new]
        for entry in entries:
            self._index(entry)
        for dropped in self.ledger.prune():
            self._by_id.pop((dropped.partner, dropped.body["id"].lower()), None)
        return entries

    def _index(self, entry: Entry) -> None:
        self._by_id[(entry.partner, entry.body["id"].lower())] = entry
        self.by_verb[entry.body["verb"]["id"]] += 1
        self.by_partner[entry.partner] += 1
        self.by_organization[entry.organization or ""] += 1
        if is_voiding(entry.body):
            self._voided.add((entry.partner, entry.body["object"]["id"].lower()))

    def _is_repeat(self, sender: Sender, statement: dict[str, Any]) -> bool:
        held = self.find(sender.partner, statement["id"])
        if held is None:
            return False
        if held.organization != sender.organization or not same_content(held.body, statement):
            raise Refusal(409, "conflict", (f"statement {statement['id']} is held with other content",))
        return True

    def _check_voiding(self, partner: str, statement: dict[str, Any]) -> None:
        if is_voiding(statement):
            target = self.find(partner, statement["object"]["id"])
            if target is not None and is_voiding(target.body):
                raise Refusal(400, "invalid", ("a voiding statement cannot be voided (Data 2.3.2)",))


class ContentStore:
    """Items of the catalog by organization and content id: the latest form of each, and every one that was sent."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.items: dict[tuple[str, str | None, str], Entry] = {}
        self._names: Counter[tuple[str, str | None, str]] = Counter()
        self.updated = 0
        self.repeated = 0
        self.by_organization: Counter[str] = Counter()

    def find(self, sender: Sender, content_id: str) -> Entry | None:
        """Return the item that an organization has under an id."""
        return self.items.get((sender.partner, sender.organization, content_id))

    def knows(self, sender: Sender, content: str) -> bool:
        """Tell whether there is an item with this id or url; a sender without an organization sees the partner's."""
        return self._names[(sender.partner, sender.organization, content)] > 0

    def put(self, sender: Sender, item: dict[str, Any], now: datetime) -> Entry:
        """Hold a valid item, in place of an earlier one with its id, and return its entry."""
        held = self.find(sender, item["content_id"])
        entry = self.ledger.append(sender, item, now)
        if held is None:
            self.by_organization[sender.organization or ""] += 1
        elif held.body == item:
            self.repeated += 1
        else:
            self.updated += 1
        self.items[(sender.partner, sender.organization, item["content_id"])] = entry
        if held is not None:
            self._names.subtract(self._names_of(held))
        self._names.update(self._names_of(entry))
        return entry

    @staticmethod
    def _names_of(entry: Entry) -> list[tuple[str, str | None, str]]:
        names = (entry.body["content_id"], entry.body["url"])
        return [(entry.partner, organization, name) for organization in (entry.organization, None) for name in names]


class TrackStore:
    """Track records, with a note of those that came in the wrong order."""

    def __init__(self, keep: int | None = None) -> None:
        self.ledger = Ledger(keep)
        self.out_of_order = 0
        self.by_status: Counter[str] = Counter()
        self._known: dict[tuple[Any, ...], None] = {}
        self._furthest: dict[tuple[Any, ...], tuple[int, str]] = {}

    def add(self, sender: Sender, record: dict[str, Any], now: datetime) -> Entry:
        """Hold a valid record and return its entry.

        Raises:
            Refusal: 409 when the same event is held already.
        """
        learner_content = (sender.partner, sender.organization, record["user"], record["content_id"])
        identity = (*learner_content[:2], *(record[name] for name in TRACK_IDENTITY))
        if identity in self._known:
            raise Refusal(409, "duplicate", ("this event is known already",))
        self._known[identity] = None
        self.by_status[record["status"]] += 1
        self._note_order(learner_content, record)
        entry = self.ledger.append(sender, record, now)
        for dropped in self.ledger.prune():
            names = (dropped.body[name] for name in TRACK_IDENTITY)
            self._known.pop((dropped.partner, dropped.organization, *names), None)
            place = (dropped.partner, dropped.organization, dropped.body["user"], dropped.body["content_id"])
            self._furthest.pop(place, None)
        return entry

    def _note_order(self, learner_content: tuple[Any, ...], record: dict[str, Any]) -> None:
        # Event dates have one fixed form, so that their order as text is their order in time.
        step = (STATUSES.index(record["status"]), record["event_date"])
        before = self._furthest.get(learner_content)
        if before is not None and (step[0] < before[0] or step[1] < before[1]):
            self.out_of_order += 1
        else:
            self._furthest[learner_content] = step
