"""Where statements go: destinations they are sent to, clients that pull them, and the requests of both."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

from django.contrib.sites.models import Site
from django.db import IntegrityError, models, router, transaction
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.fields import ExactCharField, ForeignTextField

# A site, and the name of one of its accounts ("" without accounts): to whom learners' data go.
Place = tuple[int, str]


def may_go(made_for: Place, place: Place) -> bool:
    """Whether what was made for one place may be sent to another: only where no account is concerned, or the same."""
    return made_for == place or not (made_for[1] or place[1])


class Destination(models.Model):
    """One Percipio endpoint of one account of a site, with its own circuit breaker.

    ``account`` is the account's name, empty for the site's own credentials and those of the settings: what was made for
    an account is never sent through another one.

    ``is_catalog``: it is the endpoint of the content import, where the catalog is sent; what is refused there stops no
    statement, nor the other way round. ``compared_at`` is when its catalog was last compared with the LMS.

    ``organization`` is the Percipio organization in the address, empty for the partner's own endpoint. Statements with
    ``own_credentials`` were built while the site had its own credentials, and are never sent with those of the
    settings.

    Nothing is sent before ``retry_at``; then one request probes, and only its success closes the circuit breaker.
    ``failures`` counts how often in a row it opened, ``lone_failures`` the statements that failed alone without opening
    it since the last success. ``successes`` counts sessions with a success, and each success after a failure: a clock
    that is never wrong. ``paused_reason`` waits for a person to fix something.

    ``plain_answer`` is a success that named nothing of what it stored, seen since ``plain_answer_since`` and trusted
    since ``plain_answer_trusted_at`` (``delivery.breaker``). ``compared_with`` is the fingerprint of the configuration
    with which the waiting statements were last compared (``reporting.rebuild``).

    .. no_pii: An organization's id and the state of a connection; ``last_error`` is Percipio's message, redacted.
    """

    id = models.BigAutoField(primary_key=True)
    site_id = models.PositiveIntegerField()
    account = ExactCharField(max_length=32, default="", blank=True)
    organization = ExactCharField(max_length=128, default="", blank=True)
    own_credentials = models.BooleanField(default=False)
    is_catalog = models.BooleanField(default=False)

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
    compared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["site_id", "account", "organization", "own_credentials", "is_catalog"],
                name="percipio_destination_unique",
            ),
        ]

    def __str__(self) -> str:
        what = " catalog" if self.is_catalog else ""
        return f"site={self.site_id} account={self.account or '-'} organization={self.organization or '-'}{what}"

    @property
    def place(self) -> Place:
        return self.site_id, self.account

    @classmethod
    def of(
        cls, site_id: int, organization: str, *, own_credentials: bool, account: str = "", is_catalog: bool = False
    ) -> Destination:
        """Return or create a destination; a site's own credentials take over one made with those of the settings."""
        key: dict[str, Any] = {"site_id": site_id, "account": account, "organization": organization}
        key["is_catalog"] = is_catalog
        rows = cls.objects.filter(**key)
        if own_credentials and not rows.filter(own_credentials=True).exists():
            # Another worker may have created it, or taken it over, at the same moment.
            with contextlib.suppress(IntegrityError), transaction.atomic(using=router.db_for_write(cls)):
                rows.filter(own_credentials=False).update(own_credentials=True)
        return cls.objects.get_or_create(own_credentials=own_credentials, **key)[0]


class DeliveryAttempt(models.Model):
    """One HTTP request to Percipio: time, number of statements, answer, duration. No token, no whole body.

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
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["destination", "started_at"], name="percipio_attempt_time"),
            models.Index(fields=["started_at"], name="percipio_attempt_started"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk}: {self.outcome} status={self.status or '-'} statements={self.statements}"


class PullClient(models.Model):
    """An OAuth2 application of the LMS that may read one site's statements. None until an operator adds one.

    Where the site has accounts, it reads those of one account (``account``) only; without a name, what was made before
    the site had any. ``client_id`` is the application's, as text: a recreated application has to be added again.

    .. no_pii: An application's id and a site.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    account = ExactCharField(max_length=32, default="", blank=True)
    client_id = models.CharField(max_length=100, unique=True)
    enabled = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("pull client")
        verbose_name_plural = _("pull clients")

    def __str__(self) -> str:
        return f"pull client {self.pk} site={self.site_id} {'on' if self.enabled else 'off'}"

    @property
    def place(self) -> Place:
        return self.site_id, self.account

    @classmethod
    def places(cls) -> set[Place]:
        """Return where a pull client reads, or has read: what was read is immutable (xAPI 1.0.3 Data 2.3.1)."""
        may = set(cls.objects.filter(enabled=True).values_list("site_id", "account"))
        # Place by place, each stopping at its first row: the log of pulls is long.
        asked = set(PullAudit.objects.order_by().values_list("site_id", "account").distinct())
        read = PullAudit.objects.filter(statements__gt=0)
        return may | {(site, name) for site, name in asked - may if read.filter(site_id=site, account=name).exists()}

    @classmethod
    def destinations(cls) -> list[int]:
        places = cls.places()
        rows = Destination.objects.filter(site_id__in={site_id for site_id, _account in places})
        return [row.pk for row in rows if row.place in places]


class PullAudit(models.Model):
    """One request of a pull client; of refused ones only the first sixty per client and hour.

    ``asked`` holds the names of the parameters, never their values, which name learners. Rows outlive the client.

    .. no_pii: An application's id, names of parameters, counts and times.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    site_id = models.PositiveIntegerField()
    account = ExactCharField(max_length=32, default="", blank=True)
    client_id = models.CharField(max_length=100)
    method = ForeignTextField(max_length=8)
    asked = ForeignTextField(max_length=255, default="", blank=True)
    status = models.PositiveSmallIntegerField()
    statements = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("pull")
        verbose_name_plural = _("pulls")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["at"], name="percipio_pull_at"),
            models.Index(fields=["site_id", "account", "at"], name="percipio_pull_site"),
        ]

    def __str__(self) -> str:
        return f"pull {self.pk}: site={self.site_id} status={self.status} statements={self.statements}"
