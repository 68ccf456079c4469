"""Times of storing: how they are written, and up to when all that is stored can be read.

The header X-Experience-API-Consistent-Through is kept honestly. Writers store a site's statements one after the other,
under the lock of its ledger row, with times that grow from the row's own. So nothing can ever be stored at or before
the time that stands in a row whose lock is ours. Where a writer holds it, the time that stands there *committed* is the
answer: whatever that writer brings is later. Nobody waits.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from django.db import OperationalError, connections, router, transaction
from django.db.models import F
from django.utils import timezone

from percipio_openedx.models.statement import StatementLedger

# The honest "consistent through" for those who may see nothing.
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def written(moment: datetime) -> str:
    """Return a moment with microseconds and ``Z``, as in ``stored`` and X-Experience-API-Consistent-Through."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def consistent_through(site_id: int) -> datetime:
    """Return the moment up to which no statement of a site can appear any more: now, where no writer is at work.

    The ledger is moved on to that moment, so that a writer whose clock is behind ours still stores later than it.
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
