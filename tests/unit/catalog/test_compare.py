"""What of the catalog is sent: after any sequence of edits, Percipio holds what is offered, and nothing went twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.compare import OfferedItem, difference
from percipio_openedx.models.catalog import CatalogEntry, EntryState
from percipio_openedx.models.destination import Destination

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IDS = ("a", "b", "c")
# What an operator, or a course team, does: (content id, what is offered then); None withdraws, "" lacks something.
EDITS = st.tuples(st.sampled_from(IDS), st.sampled_from([None, "", "one", "two", "three"]))
ANSWERS = st.sampled_from(["accepted", "refused", "lost"])


def offered(text: str) -> OfferedItem:
    return OfferedItem(title=text, document=text.encode(), runs=("run",))


class World:
    """Rows, the LMS, and a Percipio that holds the latest document of each item that it took."""

    def __init__(self) -> None:
        self.destination = Destination(is_catalog=True)
        self.rows: dict[str, CatalogEntry] = {}
        self.lms: dict[str, OfferedItem] = {}
        self.percipio: dict[str, bytes] = {}
        self.refuses: set[bytes] = set()
        self.sent: Counter[tuple[str, bytes]] = Counter()
        self.now = NOW

    def edit(self, content_id: str, text: str | None) -> None:
        if text is None:
            self.lms.pop(content_id, None)
        else:
            self.lms[content_id] = offered(text)

    def compare(self) -> bool:
        found = difference(self.destination, list(self.rows.values()), self.lms, self.now)
        for row in found.dropped:
            del self.rows[row.content_id]
        self.rows |= {row.content_id: row for row in found.new}
        return bool(found.new or found.changed or found.withdrawn or found.dropped)

    def send(self, answer: str) -> None:
        """One pass: what is due is posted and settled as ``CatalogSession`` does it."""
        self.now += timedelta(hours=1)
        for content_id, row in self.rows.items():
            item = self.lms.get(content_id)
            if row.state != EntryState.WAITING or row.due_at > self.now or item is None:
                continue
            self.sent[content_id, item.document] += 1
            row.tried = item.fingerprint
            if answer == "refused" and item.document == b"three":
                row.state = EntryState.REFUSED
                continue
            self.percipio[content_id] = item.document
            if answer == "lost":
                row.in_doubt, row.attempts = True, row.attempts + 1
            else:
                row.state, row.fingerprint, row.in_doubt = EntryState.DELIVERED, item.fingerprint, False
                row.sent_at, row.wanted_since, row.attempts = self.now, None, 0

    def holds(self) -> dict[str, bytes]:
        """What Percipio holds of the items that are offered and complete."""
        wanted = {content_id for content_id, item in self.lms.items() if item.document}
        return {content_id: document for content_id, document in self.percipio.items() if content_id in wanted}


@given(st.lists(st.one_of(EDITS, ANSWERS), max_size=30))
def test_after_any_edits_percipio_holds_what_is_offered(steps: list[tuple[str, str | None] | str]) -> None:
    world = World()
    for step in steps:
        if isinstance(step, str):
            world.compare()
            world.send(step)
        else:
            world.edit(*step)
    world.compare()
    world.send("accepted")
    refused = {key for key, row in world.rows.items() if row.state == EntryState.REFUSED}
    expected = {key: item.document for key, item in world.lms.items() if item.document}
    assert {key: text for key, text in world.holds().items() if key not in refused} == {
        key: text for key, text in expected.items() if key not in refused
    }
    assert all(world.lms[key].document == b"three" for key in refused)
    assert not world.compare()
    before = world.sent.copy()
    world.send("accepted")
    assert world.sent == before


@given(st.lists(EDITS, max_size=30))
def test_nothing_is_sent_twice_in_a_row_unless_it_was_withdrawn(edits: list[tuple[str, str | None]]) -> None:
    world, last = World(), dict[str, str]()
    for content_id, text in edits:
        world.edit(content_id, text)
        before = world.sent.copy()
        world.compare()
        world.send("accepted")
        new = world.sent - before
        if text is None:
            last.pop(content_id, None)
        elif text and last.get(content_id) != text:
            assert new == Counter({(content_id, text.encode()): 1})
            last[content_id] = text
        else:
            assert not new


def a_row(**fields: object) -> CatalogEntry:
    return CatalogEntry(content_id="a", due_at=NOW, **fields)


def after(row: CatalogEntry, item: OfferedItem | None) -> CatalogEntry:
    difference(Destination(), [row], {} if item is None else {"a": item}, NOW)
    return row


def test_a_refused_item_is_sent_again_when_its_document_changes() -> None:
    item, another = offered("one"), offered("two")
    refused = {"state": EntryState.REFUSED, "tried": item.fingerprint, "attempts": 1}
    assert after(a_row(**refused), item).state == EntryState.REFUSED
    assert after(a_row(**refused), another).state == EntryState.WAITING
    assert after(a_row(**refused, fingerprint=another.fingerprint), another).state == EntryState.DELIVERED


def test_a_new_document_does_not_wait_for_the_backoff_of_another() -> None:
    waiting = {"state": EntryState.WAITING, "tried": "x", "attempts": 7}
    row = after(a_row(**waiting), offered("one"))
    assert (row.attempts, row.due_at) == (0, NOW)
    backing_off = a_row(**{**waiting, "tried": offered("one").fingerprint})
    backing_off.due_at = NOW + timedelta(minutes=30)
    assert after(backing_off, offered("one")).due_at == NOW + timedelta(minutes=30)
    backing_off.due_at = NOW + timedelta(days=3)
    assert after(backing_off, offered("one")).due_at == NOW, "a clock was ahead"


def test_it_is_known_since_when_percipio_lacks_something() -> None:
    earlier = NOW - timedelta(days=1)
    held = after(a_row(wanted_since=earlier, state=EntryState.WAITING), replace(offered(""), title="T"))
    assert (held.state, held.wanted_since, held.title) == (EntryState.HELD, earlier, "T")
    delivered = a_row(state=EntryState.DELIVERED, fingerprint=offered("one").fingerprint, sent_at=earlier)
    assert after(delivered, offered("one")).wanted_since is None
    assert after(delivered, offered("two")).wanted_since == NOW
