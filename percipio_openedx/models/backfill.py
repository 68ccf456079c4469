"""How far a backfill of history has come."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class BackfillRun(models.Model):
    """One backfill and its place: the enrollment that was looked at last.

    ``scope`` is what was asked for, in one form for the same question (JSON), and ``scope_key`` its hash: asking again
    goes on where the unfinished run stopped. Course runs are taken in the order of their keys, within one in the order
    of the enrollments' ids.

    .. no_pii: Course keys, counts, times and, where one learner was asked for, the LMS's own user id.
    """

    id = models.BigAutoField(primary_key=True)
    scope_key = models.CharField(max_length=64)
    scope = models.TextField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    course_key = models.CharField(max_length=255, default="", blank=True)
    enrollment_id = models.PositiveBigIntegerField(default=0)
    observed = models.PositiveBigIntegerField(default=0)
    statements = models.PositiveBigIntegerField(default=0)
    held = models.PositiveBigIntegerField(default=0)
    failed_courses = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("backfill")
        verbose_name_plural = _("backfills")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["scope_key", "id"], name="percipio_backfill_scope"),
        ]

    def __str__(self) -> str:
        return f"backfill {self.pk}: observed={self.observed} statements={self.statements} at={self.course_key or '-'}"
