"""Hears of destinations that pause and recover, so that the end of the pass tells it."""

from __future__ import annotations

from typing import Any

from percipio_openedx.delivery import signals
from percipio_openedx.models.destination import Destination
from percipio_openedx.operations import alerts


def connect() -> None:
    """Listen, once a process."""
    for signal in (signals.destination_paused, signals.destination_recovered):
        signal.connect(_changed, dispatch_uid="percipio_openedx.telling")


def _changed(destination_id: int, **_: Any) -> None:
    row = Destination.objects.filter(pk=destination_id).first()
    if row is not None:
        alerts.changed(row)
