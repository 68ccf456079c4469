"""One HTTP request to Percipio, as it went."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.destination import Destination
from percipio_openedx.models.fields import ForeignTextField


class DeliveryAttempt(models.Model):
    """When, how many, what came back and how long it took. Never a token, never a whole body.

    .. no_pii: Counts, times, a status and at most 1,000 characters of Percipio's answer, redacted.
    """

    id = models.BigAutoField(primary_key=True)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="attempts")
    api = models.CharField(max_length=12)
    started_at = models.DateTimeField()
    statements = models.PositiveIntegerField()
    accepted = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=16)
    duration_ms = models.PositiveIntegerField()
    answer = ForeignTextField(max_length=1000, default="", blank=True)

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["destination", "started_at"], name="percipio_attempt_time"),
            models.Index(fields=["started_at"], name="percipio_attempt_started"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk}: {self.outcome} status={self.status or '-'} statements={self.statements}"
