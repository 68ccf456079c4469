"""Where statements go: one site's endpoint and one Percipio organization, and how it fares."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.fields import ForeignTextField


class Destination(models.Model):
    """One endpoint as one site reports to it. It fails, pauses and recovers by itself, alone.

    ``organization`` is the Percipio organization in the address, empty for the partner's own endpoint. While
    ``retry_at`` lies ahead nothing is sent; after it, one request probes, and only its success opens the way for all.
    ``failures`` counts the failed requests in a row. ``paused_reason`` is set when the credentials were refused: then
    an operator is told. ``plain_answer`` is a success that named nothing of what it stored, given since
    ``plain_answer_since`` and believed since ``plain_answer_trusted_at`` (``delivery.trust``).

    .. no_pii: An organization's id and the state of a connection; ``last_error`` is Percipio's words, redacted.
    """

    id = models.BigAutoField(primary_key=True)
    site_id = models.PositiveIntegerField()
    organization = models.CharField(max_length=128, default="", blank=True)

    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=64, default="", blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_error = ForeignTextField(max_length=1000, default="", blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    probe_until = models.DateTimeField(null=True, blank=True)
    batch_limit = models.PositiveIntegerField(null=True, blank=True)

    plain_answer = ForeignTextField(max_length=255, default="", blank=True)
    plain_answer_since = models.DateTimeField(null=True, blank=True)
    plain_answer_trusted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site_id", "organization"], name="percipio_destination_unique"),
        ]

    def __str__(self) -> str:
        return f"site={self.site_id} organization={self.organization or '-'}"
