"""What of a site's catalog is to be sent: what it offers now, compared with what Percipio accepted, item by item."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, apart
from percipio_openedx.catalog.items import NO_WORDING, CatalogItem, Record, RunInCatalog, Wording, items, record
from percipio_openedx.config import CatalogRules
from percipio_openedx.data import Course, CourseRun
from percipio_openedx.db import persistently
from percipio_openedx.delivery.outcomes import LONGEST_WAIT
from percipio_openedx.enums import CatalogGap
from percipio_openedx.models.catalog import CatalogEntry, EntryState, OverrideBook, stored_id
from percipio_openedx.models.destination import Destination
from percipio_openedx.statements import content

logger = logging.getLogger(__name__)

AT_ONCE = 500
# What a comparison changes of a row.
COLUMNS = ("title", "state", "due_at", "attempts", "wanted_since")


def runs_of(rules: CatalogRules, runs: Sequence[CourseRun] | None = None) -> list[RunInCatalog]:
    """Return the course runs of a site, offered or not, by key; those of the LMS, or of ``runs``.

    The number of queries does not grow with the runs. Raises ``PlatformUnavailable``.
    """
    every = edx_platform.course_runs() if runs is None else runs
    sites, default = edx_platform.sites_by_org(), config.default_site_id()
    mine = [run for run in every if sites.get(run.org, default) == rules.site_id]
    book = OverrideBook(None if runs is None else [run.key for run in mine])
    return in_catalog(rules, mine, book)


def in_catalog(rules: CatalogRules, runs: Iterable[CourseRun], book: OverrideBook) -> list[RunInCatalog]:
    """Return course runs of a site with what operators decided about them."""
    found = []
    for run in runs:
        own, offer, wording = "", "", NO_WORDING
        decided = book.of(run.key)
        if decided is not None:
            own, offer = decided.content_id, decided.offer
            wording = Wording(decided.title, decided.type, decided.duration, decided.tags, decided.author)
        course = Course(key=run.key, org=run.org, number=run.number, run=run.run, content_id=own)
        is_offered = rules.policy.offers(offer, is_visible=run.is_visible)
        named = content.content_id(course, rules.content_id, rules.root)
        found.append(RunInCatalog(run, named, offer, is_offered, wording))
    return found


def catalog(rules: CatalogRules, now: datetime) -> list[tuple[CatalogItem, Record]]:
    """Return the items that a site offers with their records, by content id; raises ``PlatformUnavailable``."""
    return [(item, record(item.runs[0], rules.policy, rules.root)) for item in items(runs_of(rules), now)]


@dataclass(frozen=True, slots=True)
class OfferedItem:
    """An offered item as it would be sent: its ``document`` (JSON), empty while the item is held back (``gaps``)."""

    title: str = ""
    document: bytes = b""
    runs: tuple[str, ...] = ()
    gaps: tuple[CatalogGap, ...] = ()

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.document).hexdigest()[:16] if self.document else ""


def offered_items(catalog: Iterable[tuple[CatalogItem, Record]]) -> dict[str, OfferedItem]:
    """Return the items of a catalog by what names them in their rows (``stored_id``)."""
    found = {}
    for item, said in catalog:
        document = b"" if said.gaps else json.dumps(said.document()).encode()
        runs = tuple(one.run.key for one in item.runs)
        found[stored_id(item.content_id)] = OfferedItem(said.title, document, runs, said.gaps)
    return found


def keep_in_step(row: CatalogEntry, item: OfferedItem | None, now: datetime) -> bool:
    """Bring a row in step with what is offered now (None: nothing); return whether it changed. Writes nothing.

    A refused item stays refused until its document changes. Of one that is withdrawn it is forgotten what Percipio
    holds, so that it is sent when it is offered again: Skillsoft may have removed it.
    """
    before = [getattr(row, name) for name in COLUMNS if name != "title"]
    state, row.gaps = _state(row, item), () if item is None else item.gaps
    if state is EntryState.WITHDRAWN:
        row.fingerprint = ""
    elif state is EntryState.WAITING:
        is_another = item is not None and row.attempts > 0 and row.tried != item.fingerprint
        # A time that no backoff reaches is from a wrong clock.
        if row.state != state or is_another or row.due_at > now + timedelta(seconds=LONGEST_WAIT):
            row.due_at, row.attempts = now, 0
    is_wanted = state not in (EntryState.DELIVERED, EntryState.WITHDRAWN)
    row.wanted_since = (row.wanted_since or now) if is_wanted else None
    row.state = state
    if before == [getattr(row, name) for name in COLUMNS if name != "title"]:
        return False
    row.title = row.title if item is None else item.title
    return True


def _state(row: CatalogEntry, item: OfferedItem | None) -> EntryState:
    if item is None:
        return EntryState.WITHDRAWN
    if not item.document:
        return EntryState.HELD
    if row.fingerprint == item.fingerprint and not row.in_doubt:
        return EntryState.DELIVERED
    is_refused = row.state == EntryState.REFUSED and row.tried == item.fingerprint
    return EntryState.REFUSED if is_refused else EntryState.WAITING


@dataclass(slots=True)
class CatalogChanges:
    """What a comparison found: rows to make, change, and withdraw; and to drop, since Percipio never had them."""

    new: list[CatalogEntry] = field(default_factory=list)
    changed: list[CatalogEntry] = field(default_factory=list)
    withdrawn: list[CatalogEntry] = field(default_factory=list)
    dropped: list[CatalogEntry] = field(default_factory=list)


def difference(
    destination: Destination, rows: Sequence[CatalogEntry], offered: Mapping[str, OfferedItem], now: datetime
) -> CatalogChanges:
    """Compare the rows of a destination, which are brought in step, with what is offered now; write nothing."""
    found, known = CatalogChanges(), {row.content_id for row in rows}
    for row in rows:
        item = offered.get(row.content_id)
        if item is None and row.sent_at is None and not row.in_doubt:
            found.dropped.append(row)
        elif keep_in_step(row, item, now):
            (found.withdrawn if item is None else found.changed).append(row)
    for content_id in sorted(offered.keys() - known):
        row = CatalogEntry(destination=destination, content_id=content_id, due_at=now, state=EntryState.WAITING)
        keep_in_step(row, offered[content_id], now)
        row.title = offered[content_id].title
        found.new.append(row)
    return found


def compare(destination: Destination, offered: Mapping[str, OfferedItem], now: datetime) -> CatalogChanges:
    """Compare, store the difference, and note when; what a worker holds is left to the next comparison.

    Two queries where nothing is new. The bulkhead around each new row: the database may refuse one of many.
    """
    found = difference(destination, list(CatalogEntry.objects.filter(destination=destination)), offered, now)
    free = CatalogEntry.objects.free(now)
    by_id = {row.content_id: row for row in found.new}
    parts = [list(by_id)[start : start + AT_ONCE] for start in range(0, len(by_id), AT_ONCE)]
    for part in parts:
        _, broken = apart(Boundary.ROW, part, lambda ids: _make([by_id[content_id] for content_id in ids]))
        for content_id, error in broken.items():
            logger.error("item cannot be stored course=%s error=%s", offered[content_id].runs[0], type(error).__name__)
    if found.changed:
        persistently(free.bulk_update)(found.changed, COLUMNS, batch_size=AT_ONCE)
    for pks in _pks(found.withdrawn):
        persistently(free.filter(pk__in=pks).update)(state=EntryState.WITHDRAWN, fingerprint="", wanted_since=None)
    for pks in _pks(found.dropped):
        persistently(free.filter(pk__in=pks, sent_at__isnull=True, in_doubt=False).delete)()
    Destination.objects.filter(pk=destination.pk).update(compared_at=now)
    destination.compared_at = now
    return found


def _pks(rows: Sequence[CatalogEntry]) -> Iterator[list[int]]:
    for start in range(0, len(rows), AT_ONCE):
        yield [row.pk for row in rows[start : start + AT_ONCE]]


@persistently
def _make(rows: Sequence[CatalogEntry]) -> None:
    CatalogEntry.objects.bulk_create(rows, ignore_conflicts=True)
