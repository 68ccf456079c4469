"""Where statements go, how that destination fares, and each request to it."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from django.db import IntegrityError, models, router, transaction
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.fields import ExactCharField, ForeignTextField


class Destination(models.Model):
    """One endpoint as one site reports to it, with its own circuit breaker.

    ``organization`` is the Percipio organization in the address, empty for the partner's own endpoint. With
    ``own_credentials`` its statements were made while the site had credentials of its own, and are never sent with
    those of the settings.

    Nothing is sent before ``retry_at``; after it one request probes, and only its success closes the circuit breaker.
    ``failures`` counts how often in a row it was opened, ``lone_failures`` the statements that failed alone since
    something was accepted without opening it. ``successes`` counts turns in which something was accepted, and each
    acceptance after a failure: a clock that is never wrong. ``paused_reason`` waits for a person to fix something.

    ``plain_answer`` is a success that named nothing of what it stored, given since ``plain_answer_since`` and believed
    since ``plain_answer_trusted_at`` (``delivery.trust``). ``compared_with`` is the fingerprint of the configuration
    with which all that waits here was last compared (``reporting.rebuild``).

    .. no_pii: An organization's id and the state of a connection; ``last_error`` is Percipio's words, redacted.
    """

    id = models.BigAutoField(primary_key=True)
    site_id = models.PositiveIntegerField()
    organization = ExactCharField(max_length=128, default="", blank=True)
    own_credentials = models.BooleanField(default=False)

    failures = models.PositiveIntegerField(default=0)
    lone_failures = models.PositiveSmallIntegerField(default=0)
    successes = models.PositiveBigIntegerField(default=0)
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
    compared_with = models.CharField(max_length=16, default="", blank=True)

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["site_id", "organization", "own_credentials"], name="percipio_destination_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"site={self.site_id} organization={self.organization or '-'}"

    @classmethod
    def of(cls, site_id: int, organization: str, *, own_credentials: bool) -> Destination:
        """Return the destination of a site and an organization, made if need be.

        A site that comes to have its own credentials takes along what was made with those of the settings.
        """
        rows = cls.objects.filter(site_id=site_id, organization=organization)
        if own_credentials and not rows.filter(own_credentials=True).exists():
            # Another worker at the same moment has made it, or taken it along.
            with contextlib.suppress(IntegrityError), transaction.atomic(using=router.db_for_write(cls)):
                rows.filter(own_credentials=False).update(own_credentials=True)
        return cls.objects.get_or_create(site_id=site_id, organization=organization, own_credentials=own_credentials)[0]


class DeliveryAttempt(models.Model):
    """One HTTP request to Percipio: when, how many statements, what came back, how long. No token, no whole body.

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
