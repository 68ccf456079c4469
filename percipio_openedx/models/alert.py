"""What operators were told."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.fields import ForeignTextField


class Alert(models.Model):
    """One problem that is there, or was, so that it is told once, and once more when it is resolved.

    ``kind`` and ``subject`` (``destination:3``, ``site:1``) name it; ``is_on`` is its state since ``changed_at``;
    ``is_announced`` says that this state has been told, ``announced_at`` when a mail last told of it.

    .. no_pii: A destination, counts and times; ``words`` are Percipio's, redacted.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16)
    subject = models.CharField(max_length=64)
    is_on = models.BooleanField(default=False)
    is_announced = models.BooleanField(default=True)
    changed_at = models.DateTimeField()
    announced_at = models.DateTimeField(null=True, blank=True)
    words = ForeignTextField(max_length=1000, default="", blank=True)

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["kind", "subject"], name="percipio_alert_unique"),
        ]

    def __str__(self) -> str:
        return f"alert {self.kind} {self.subject} {'on' if self.is_on else 'off'}"
