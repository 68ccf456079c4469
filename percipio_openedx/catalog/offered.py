"""The catalog of one site now: its course runs, what operators decided about them, and the items that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from percipio_openedx import config, edx_platform
from percipio_openedx.catalog.items import CatalogItem, RunInCatalog, items
from percipio_openedx.catalog.record import NO_WORDING, Record, Wording, record
from percipio_openedx.config import CatalogRules
from percipio_openedx.data import Course, CourseRun
from percipio_openedx.models.configuration import OverrideBook
from percipio_openedx.statements.content import content_id


@dataclass(frozen=True, slots=True)
class DescribedItem:
    """An item with its record, which says what it lacks (``Record.gaps``)."""

    item: CatalogItem
    record: Record


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
        named = content_id(course, rules.content_id, rules.root)
        found.append(RunInCatalog(run, named, offer, is_offered, wording))
    return found


def catalog(rules: CatalogRules, now: datetime) -> list[DescribedItem]:
    """Return the items that a site offers, by content id; raises ``PlatformUnavailable``."""
    return [described(item, rules) for item in items(runs_of(rules), now)]


def described(item: CatalogItem, rules: CatalogRules) -> DescribedItem:
    first = item.runs[0]
    said = record(first.run, item.content_id, first.wording, rules.policy, rules.root)
    return DescribedItem(item, said)
