"""Where statements go: one site's endpoint and one Percipio organization, and how it fares."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from django.db import IntegrityError, models, router, transaction
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.exact import ExactCharField
from percipio_openedx.models.fields import ForeignTextField


class Destination(models.Model):
    """One endpoint as one site reports to it. It fails, pauses and recovers by itself, alone.

    ``organization`` is the Percipio organization in the address, empty for the partner's own endpoint.
    ``own_credentials`` says that its statements were made while the site had credentials of its own: they are never
    sent with those of the settings.

    While ``retry_at`` lies ahead nothing is sent; after it, one request probes, and only its success opens the way for
    all. ``failures`` counts how often in a row the circuit breaker was opened, ``lone_failures`` the statements that
    failed alone since something was accepted and were not enough to open it. ``successes`` counts turns in which
    something was accepted, and each time that something was after something had failed: a clock that is never wrong.
    ``paused_reason`` is set when a person has to mend something: then an operator is told.

    ``plain_answer`` is a success that named nothing of what it stored, given since ``plain_answer_since`` and believed
    since ``plain_answer_trusted_at`` (``delivery.breaker``).

    ``compared_with`` is the fingerprint of the configuration with which everything that waits here was compared last
    (``reporting.rebuild``).

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
        """The destination of a site and an organization, made at need.

        Arguments:
            own_credentials: the site has its own. What was made with those of the settings is taken along then.
        """
        rows = cls.objects.filter(site_id=site_id, organization=organization)
        if own_credentials and not rows.filter(own_credentials=True).exists():
            # Whoever does the same at this moment has made it, or taken it along.
            with contextlib.suppress(IntegrityError), transaction.atomic(using=router.db_for_write(cls)):
                rows.filter(own_credentials=False).update(own_credentials=True)
        return cls.objects.get_or_create(site_id=site_id, organization=organization, own_credentials=own_credentials)[0]
