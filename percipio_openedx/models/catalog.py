"""What Percipio's catalog holds, item by item and destination by destination, as far as it has said so."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.data import LONGEST_ID
from percipio_openedx.enums import CatalogGap
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.fields import ExactCharField, ForeignTextField
from percipio_openedx.models.statement import unleased


def stored_id(content_id: str) -> str:
    """Return what names an item in its row: its content id, or the beginning and a hash of one that is too long."""
    if len(content_id) <= LONGEST_ID:
        return content_id
    return f"{content_id[:500]}… {hashlib.sha256(content_id.encode()).hexdigest()[:16]}"


class EntryState(models.TextChoices):
    """Where an item of the catalog stands at one destination.

    *Waiting*: it is sent when it is due. *Held*: it lacks a mandatory field, or its content id is too long.
    *Delivered*: Percipio holds what is offered. *Refused*: Percipio refuses what is offered, and a person must look.
    *Withdrawn*: Percipio may hold it, and it is offered no more; only Skillsoft can remove it.
    """

    WAITING = "waiting", _("waiting")
    HELD = "held", _("held back")
    DELIVERED = "delivered", _("in Percipio")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", _("withdrawn")


class CatalogEntryQuerySet(models.QuerySet["CatalogEntry"]):
    """Entries by who may change them: a worker that sends one holds it by a lease."""

    def free(self, now: datetime) -> CatalogEntryQuerySet:
        return self.filter(unleased(now))

    def due(self, now: datetime) -> CatalogEntryQuerySet:
        """Select what is to be sent now, and no worker holds."""
        return self.free(now).filter(state=EntryState.WAITING, due_at__lte=now)

    def send_now(self, now: datetime) -> int:
        """Have items sent at the next pass, also refused ones, as an operator decided; return their number."""
        chosen = self.free(now).filter(state__in=(EntryState.WAITING, EntryState.REFUSED, EntryState.DELIVERED))
        return chosen.update(state=EntryState.WAITING, due_at=now, attempts=0, in_doubt=True, tried="")


class CatalogEntry(models.Model):
    """One item of the catalog at one destination (``Destination.is_catalog``), named by its content id.

    ``fingerprint`` is that of the document that Percipio accepted last (``sent_at``; both empty: it never did),
    ``tried`` that of the document sent last. ``in_doubt``: what was sent last may have been stored without an answer,
    so that what Percipio holds has to be sent again. ``attempts`` counts failures in a row, ``status`` and ``answer``
    are Percipio's last ones. ``wanted_since`` is since when Percipio does not hold what is offered, None while it does.
    ``gaps`` is what a held item lacks (``CatalogGap``), where it was compared in this process; not stored.

    .. no_pii: What a catalog says of courses; ``answer`` is Percipio's message, redacted.
    """

    gaps: tuple[CatalogGap, ...] = ()

    id = models.BigAutoField(primary_key=True)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="entries")
    content_id = ExactCharField(max_length=LONGEST_ID)
    title = ForeignTextField(max_length=255, default="", blank=True)
    state = models.CharField(max_length=12, choices=EntryState.choices, default=EntryState.WAITING)
    fingerprint = models.CharField(max_length=16, default="", blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    wanted_since = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField()
    tried = models.CharField(max_length=16, default="", blank=True)
    in_doubt = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = ForeignTextField(max_length=1000, default="", blank=True)
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)

    objects = CatalogEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("catalog entry")
        verbose_name_plural = _("catalog entries")
        ordering: ClassVar[list[str]] = ["destination_id", "content_id"]
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("send_catalogentry", _("Can send items of the catalog at once")),
            ("tick_off_catalogentry", _("Can tick off items that Skillsoft has removed")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["destination", "content_id"], name="percipio_ce_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["destination", "state", "due_at"], name="percipio_ce_queue"),
        ]

    def __str__(self) -> str:
        return f"catalog entry {self.content_id}: {self.state}"
