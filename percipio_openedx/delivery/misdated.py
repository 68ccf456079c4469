"""Times that a clock stored which was ahead once: nothing waits for them."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import Q

from percipio_openedx.db import persistently
from percipio_openedx.delivery.retry import LONGEST_WAIT
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import LONGEST_LEASE, State, Statement, StatementQuerySet

logger = logging.getLogger(__name__)


def statements(now: datetime) -> StatementQuerySet:
    """Statements that wait for longer than anything is put off."""
    # All destinations that there are: said so that the queue's index answers.
    ids = list(Destination.objects.values_list("pk", flat=True))
    waiting = (State.WAITING, State.OUTDATED)
    return Statement.objects.filter(state__in=waiting, destination_id__in=ids, due_at__gt=_latest(now))


def leases(now: datetime) -> StatementQuerySet:
    """Statements that are held for longer than any worker holds them."""
    return Statement.objects.filter(state=State.SENDING, leased_until__gt=now + LONGEST_LEASE)


def destinations(now: datetime) -> Q:
    """The condition for destinations that wait, or are probed, for longer than any does."""
    return Q(retry_at__gt=_latest(now)) | Q(probe_until__gt=now + LONGEST_LEASE)


def correct(now: datetime) -> int:
    """Make all of it due now; the number of rows. Leases end with ``claim.recover``."""
    return _corrected(now) if statements(now).exists() or Destination.objects.filter(destinations(now)).exists() else 0


@persistently
def _corrected(now: datetime) -> int:
    count = statements(now).bring_forward(now)
    count += Destination.objects.filter(destinations(now)).update(retry_at=now, probe_until=None)
    logger.warning("times in the future corrected rows=%s", count)
    return count


def _latest(now: datetime) -> datetime:
    return now + timedelta(seconds=LONGEST_WAIT)
