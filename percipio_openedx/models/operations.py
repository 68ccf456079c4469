"""Operators' records: alerts, back-fills, differences of the progress and erasure requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.fields import ForeignTextField
from percipio_openedx.models.statement import LONGEST_LEASE


class Alert(models.Model):
    """One problem, present or past, so that operators are alerted once when it begins and once when it is resolved.

    ``kind`` and ``subject`` (``destination:3``, ``site:1``) name it; ``is_on`` is its state since ``changed_at``;
    ``began_at`` is when the problem itself began. ``is_announced`` says whether the state was mailed, ``announced_at``
    when the last mail left, ``announced_count`` what number it named (None: the problem was not mailed yet, or has
    none), ``mailing_since`` since when a worker is about to mail it.

    .. no_pii: A destination, counts and times; ``message`` is Percipio's, redacted.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16)
    subject = models.CharField(max_length=64)
    is_on = models.BooleanField(default=False)
    is_announced = models.BooleanField(default=True)
    changed_at = models.DateTimeField()
    announced_at = models.DateTimeField(null=True, blank=True)
    announced_count = models.PositiveBigIntegerField(null=True, blank=True)
    mailing_since = models.DateTimeField(null=True, blank=True)
    began_at = models.DateTimeField(null=True, blank=True)
    message = ForeignTextField(max_length=1000, default="", blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["kind", "subject"], name="percipio_alert_unique"),
        ]

    def __str__(self) -> str:
        return f"alert {self.kind} {self.subject} {'on' if self.is_on else 'off'}"


class EnrollmentWalk(models.Model):
    """How far a walk through enrollments has come (``operations.walk``).

    Course runs are taken in the order in which the database sorts their keys, enrollments in the order of their ids.
    ``lease`` and ``leased_until`` make sure that only one process walks.
    """

    id = models.BigAutoField(primary_key=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    course_key = models.CharField(max_length=255, default="", blank=True)
    enrollment_id = models.PositiveBigIntegerField(default=0)
    enrollments_done = models.PositiveBigIntegerField(default=0)
    observed = models.PositiveBigIntegerField(default=0)
    statements = models.PositiveBigIntegerField(default=0)
    held = models.PositiveBigIntegerField(default=0)
    failed_courses = models.PositiveIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def is_leased(self, now: datetime) -> bool:
        """Return whether somebody walks now; a lease that is too long was taken with a wrong clock."""
        return self.leased_until is not None and now <= self.leased_until <= now + LONGEST_LEASE


class BackfillRun(EnrollmentWalk):
    """A back-fill and its progress.

    ``scope`` is what was asked for, as canonical JSON, and ``scope_key`` its hash: asking again resumes the unfinished
    run. ``by_workers`` says that the workers carry it on, not a command; ``problem`` is why they could not.
    ``enrollments`` is the number in scope when it began, None if unknown.

    .. no_pii: Course keys, counts, times and, where one learner was asked for, the LMS's own user id.
    """

    scope_key = models.CharField(max_length=64)
    scope = models.TextField()
    started_at = models.DateTimeField()
    by_workers = models.BooleanField(default=False)
    problem = models.CharField(max_length=255, default="", blank=True)
    enrollments = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = _("backfill")
        verbose_name_plural = _("backfills")
        ordering: ClassVar[list[str]] = ["-id"]
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("run_backfillrun", _("Can start and stop back-fills")),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["scope_key", "id"], name="percipio_backfill_scope"),
        ]

    def __str__(self) -> str:
        return f"backfill {self.pk}: observed={self.observed} statements={self.statements} at={self.course_key or '-'}"


class Sweep(EnrollmentWalk):
    """The sweep of one site: the round in progress (``finished_at`` is None), or the last one.

    ``since`` is when the plugin first observed the site: what is older is a back-fill's. ``compared_until`` is the
    start of the last finished round: everything up to then has been compared with the LMS.

    .. no_pii: Course keys, counts and times.
    """

    site_id = models.PositiveIntegerField(unique=True)
    started_at = models.DateTimeField(null=True, blank=True)
    since = models.DateTimeField()
    compared_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sweep")
        verbose_name_plural = _("sweeps")

    def __str__(self) -> str:
        return f"sweep of site {self.site_id}: compared until {self.compared_until or '-'}, at={self.course_key or '-'}"


class ProgressDifference(models.Model):
    """A course run whose progress was counted otherwise at once than by the LMS; for a day every learner is asked for.

    A row and not only the cache, since it must outlive workers, restarts and evictions. ``difference`` has numbers of
    units only.

    .. no_pii: A course key, a time and numbers of units.
    """

    id = models.BigAutoField(primary_key=True)
    course_key = models.CharField(max_length=255, unique=True)
    found_at = models.DateTimeField()
    difference = models.CharField(max_length=255)

    class Meta:
        verbose_name = _("progress that differs")
        verbose_name_plural = _("progress that differs")

    def __str__(self) -> str:
        return f"course={self.course_key}: {self.difference}"


class ErasureRequest(models.Model):
    """Statements of a learner who was erased here, which Skillsoft still has to erase.

    ``registrations`` are the ``context.registration`` values of those statements, one a line: pseudonyms that can be
    computed only from the LMS's user ids (decision record 0006). Nothing else of the learner is left. Track records
    carry no registration: if ``api`` is Track, Skillsoft needs the learner's id itself.

    .. pii: Registrations, which are pseudonyms of somebody who was erased; kept until Skillsoft has erased them, too.
    .. pii_types: id
    .. pii_retirement: retained
    """

    id = models.BigAutoField(primary_key=True)
    site_id = models.PositiveIntegerField()
    account = models.CharField(max_length=32, default="", blank=True)
    organization = models.CharField(max_length=128, default="", blank=True)
    api = models.CharField(max_length=12, default="", blank=True)
    registrations = models.TextField()
    statements = models.PositiveIntegerField()
    erased_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("erasure request")
        verbose_name_plural = _("erasure requests")
        ordering: ClassVar[list[str]] = ["id"]
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("tick_off_erasurerequest", _("Can tick off erasure requests")),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["done_at", "id"], name="percipio_erasure_open"),
        ]

    def __str__(self) -> str:
        state = "done" if self.done_at else "open"
        return f"erasure {self.pk}: site={self.site_id} statements={self.statements} {state}"
