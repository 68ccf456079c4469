"""What Percipio still has to erase."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class ErasureRequest(models.Model):
    """A learner was erased here after something of theirs was sent: now Skillsoft has to erase it there.

    ``registrations`` are the ``context.registration`` values of that learner's statements, one a line:
    pseudonyms, which name nobody, and which whoever has the LMS's user ids can compute (decision record 0006). Nothing
    else of the learner is left here. The Track API carries no registration: there ``api`` says so, and Skillsoft has to
    be told the learner's id itself.

    .. pii: Registrations, which are pseudonyms of somebody who was erased; kept until Skillsoft has erased them, too.
    .. pii_types: id
    .. pii_retirement: retained
    """

    id = models.BigAutoField(primary_key=True)
    site_id = models.PositiveIntegerField()
    organization = models.CharField(max_length=128, default="", blank=True)
    api = models.CharField(max_length=12, default="", blank=True)
    registrations = models.TextField()
    statements = models.PositiveIntegerField()
    erased_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("erasure to ask Percipio for")
        verbose_name_plural = _("erasures to ask Percipio for")
        ordering: ClassVar[list[str]] = ["id"]
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("tick_off_erasurerequest", _("Can tick erasures off that Percipio has done")),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["done_at", "id"], name="percipio_erasure_open"),
        ]

    def __str__(self) -> str:
        state = "done" if self.done_at else "open"
        return f"erasure {self.pk}: site={self.site_id} statements={self.statements} {state}"
