"""Put off the statements whose course Percipio's catalog does not have yet, where a site sends its catalog.

A completion of an item that Percipio does not know can be shown to nobody. A statement waits for its own course's item
only, for ``PERCIPIO_CATALOG_PATIENCE`` after it was stored at most.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Least

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import LONGEST_ID, Course
from percipio_openedx.db import persistently
from percipio_openedx.enums import Offering
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.catalog import CatalogEntry, EntryState, OverrideBook
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import Statement
from percipio_openedx.statements.content import content_id

logger = logging.getLogger(__name__)

# What waits is examined again after this, whatever happens: an item that was accepted has it leave at once.
AGAIN = timedelta(hours=1)

# A statement's key, its course run, and when it was stored.
Waiting = tuple[int, str, datetime]


class ItemsFirst:
    """Which statements of a destination wait for an item of the catalog; for one delivery session.

    Queries only for course runs that it has not seen, and for what is put off; None where no catalog is in force.
    """

    def __init__(self, destination: Destination, configuration: Configuration) -> None:
        self._configuration = configuration
        place = {name: getattr(destination, name) for name in ("site_id", "account", "organization")}
        self._catalogs = Destination.objects.filter(is_catalog=True, **place)
        self._patience = timedelta(seconds=configuration.catalog.patience)
        # Course runs of which statements may leave: what Percipio has accepted stays so.
        self._free: set[str] = set()

    @classmethod
    def of(cls, destination: Destination, configuration: Configuration) -> ItemsFirst | None:
        """Return the rule for a destination, None where no catalog is sent to its organization."""
        policy, organization = configuration.catalog, configuration.organization
        is_in_force = policy.push and policy.offering is not Offering.NONE and policy.patience > 0
        is_there = bool(organization) and destination.organization == organization
        return cls(destination, configuration) if is_in_force and is_there else None

    def put_off(self, rows: Sequence[Waiting], now: datetime) -> set[int]:
        """Put off those of the statements that wait for an item, and return their keys."""
        # A time further ahead is from a wrong clock, and would have it wait as much longer.
        patient = [row for row in rows if now - self._patience < row[2] <= now + AGAIN]
        waiting = self._without_item({course_key for _pk, course_key, _at in patient} - self._free)
        late = [row for row in patient if row[1] in waiting]
        pks = {pk for pk, *_ in late}
        if pks:
            # Until the patience ends, or for an hour.
            again = Value(now + AGAIN, output_field=DateTimeField())
            _put_off(pks, Least(F("stored_at") + self._patience, again))
        return pks

    def _without_item(self, course_keys: set[str]) -> set[str]:
        """Return those of the course runs that are offered, and whose item Percipio has not accepted.

        All of them where the LMS cannot say: what leaves too early may be lost on Percipio, an hour is not.
        """
        if not course_keys:
            return set()
        try:
            offered = self._offered(course_keys)
        except PlatformUnavailable as error:
            logger.warning("course runs unreadable, statements wait problem=%s", error)
            return course_keys
        entries = CatalogEntry.objects.filter(destination__in=self._catalogs, content_id__in=set(offered.values()))
        entries = entries.exclude(state=EntryState.WITHDRAWN)
        known = list(entries.values_list("content_id", "fingerprint")) if offered else []
        if set(offered.values()) - {content for content, _fingerprint in known}:
            # Offered since the last comparison.
            self._catalogs.update(compared_at=None)
        # Skillsoft may have removed what was withdrawn in between: its fingerprint is empty.
        accepted = {content for content, fingerprint in known if fingerprint}
        waiting = {key for key, content in offered.items() if content not in accepted}
        self._free |= course_keys - waiting
        return waiting

    def _offered(self, course_keys: set[str]) -> dict[str, str]:
        """Return the content ids of those of the course runs that this site offers (as ``catalog.compare``)."""
        policy, rule, root = self._configuration.catalog, self._configuration.content_id, self._configuration.lms_root
        book, found = OverrideBook(course_keys), {}
        sites, default = edx_platform.sites_by_org(), config.default_site_id()
        for run in edx_platform.course_runs(course_keys):
            if sites.get(run.org, default) != self._configuration.site_id:
                continue
            decided = book.of(run.key)
            own, offer = (decided.content_id, decided.offer) if decided else ("", "")
            if policy.offers(offer, is_visible=run.is_visible):
                course = Course(key=run.key, org=run.org, number=run.number, run=run.run, content_id=own)
                found[run.key] = content_id(course, rule, root)
        # What no row can hold is never sent.
        return {key: content for key, content in found.items() if len(content) <= LONGEST_ID}


@persistently
def _put_off(pks: Iterable[int], due_at: Least) -> None:
    Statement.objects.filter(pk__in=list(pks)).await_item(due_at)
