"""What Skillsoft has to be asked to erase, and what it has done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from percipio_openedx.models.operations import ErasureRequest


def unknown(pks: Iterable[int]) -> list[int]:
    """Those of these numbers that are no erasure's, in order."""
    asked = set(pks)
    return sorted(asked - set(ErasureRequest.objects.filter(pk__in=asked).values_list("pk", flat=True)))


def still_open() -> QuerySet[ErasureRequest]:
    """What is still to be asked for, the oldest first."""
    return ErasureRequest.objects.filter(done_at__isnull=True).order_by("pk")


def tick_off(pks: Iterable[int], now: datetime) -> list[ErasureRequest]:
    """Note that Skillsoft has erased these. What was ticked off before keeps its time.

    Arguments:
        pks: numbers of erasures; those that are none are passed over.

    Returns:
        The erasures that were open until now.
    """
    rows = list(still_open().filter(pk__in=list(pks)))
    still_open().filter(pk__in=[row.pk for row in rows]).update(done_at=now)
    return rows
