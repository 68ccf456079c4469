"""What operators decide of a site: its settings, and its accounts at Percipio, with the client secret encrypted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from config_models.models import ConfigurationModel
from django.contrib.sites.models import Site
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from percipio_openedx.encryption import Secret
from percipio_openedx.models.fields import EncryptedSecretField, ExactCharField

# Longest rule: some twenty organizations by UUID.
LONGEST_RULE = 1000
SLUG = RegexValidator(r"\A[a-z0-9][a-z0-9_-]*\Z", _("is no short name; write a-z, 0-9, - and _ only"))


class AccountColumns(ConfigurationModel):  # type: ignore[misc]
    """What a site and each of its accounts can say for itself. Every save is a new version; the newest counts.

    Only the newest version keeps its secret, since a replaced secret must not stay readable.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    region = models.CharField(max_length=16, default="", blank=True)
    api_url = models.CharField(max_length=255, default="", blank=True)
    token_url = models.CharField(max_length=255, default="", blank=True)
    partner_name = models.CharField(max_length=128, default="", blank=True)
    organization_id = models.CharField(max_length=128, default="", blank=True)
    client_id = models.CharField(max_length=255, default="", blank=True)
    client_secret = EncryptedSecretField(default="", blank=True)
    api = models.CharField(max_length=12, default="", blank=True)
    learner_id = models.CharField(max_length=100, default="", blank=True)
    learner_home_page = models.CharField(max_length=255, default="", blank=True)
    organization_from = models.CharField(max_length=100, default="", blank=True)
    learners = models.CharField(max_length=LONGEST_RULE, default="", blank=True)

    class Meta(ConfigurationModel.Meta):  # type: ignore[misc]
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add a version and remove the secret from earlier ones."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            earlier = self._versions().filter(pk__lt=self.pk)
            earlier.exclude(client_secret=b"").update(client_secret=Secret(""))

    def _versions(self) -> models.QuerySet[Self]:
        key = {name: getattr(self, name) for name in self.KEY_FIELDS}
        rows: models.QuerySet[Self] = type(self).objects.filter(**key)
        return rows

    def newest_version(self) -> Self | None:
        """Return the newest version, of a site or an account, by primary key (clocks may have been wrong), or None."""
        return self._versions().order_by("-pk").first()

    @classmethod
    def newest(cls, *key: Any) -> Self | None:
        row: Self = cls(**dict(zip(cls.KEY_FIELDS, key, strict=True)))
        return row.newest_version()

    @classmethod
    def current(cls, *args: Any) -> Any:
        """Return the newest version or an empty one, never from the shared cache: it would hold the secret."""
        return cls.newest(*args) or cls(**dict(zip(cls.KEY_FIELDS, args, strict=True)))


class PercipioConfiguration(AccountColumns):
    """How one site reports to Percipio. Every save is a new version; the newest counts.

    An empty field means "as the setting says" (``PERCIPIO_<FIELD>``), with one exception: if ``client_id`` is set here,
    secret, partner and organization come from here alone, so that no site's learners are sent with another's
    credentials. ``enabled`` (of the base class) switches the site off. Where the site has accounts (``Account``), the
    credentials and addresses here are used for nobody, and neither are those of the settings.

    .. no_pii: A service account's credentials (the secret encrypted), addresses and choices.
    """

    KEY_FIELDS = ("site_id",)

    send_skipped = models.BooleanField(null=True, blank=True)
    modes = models.CharField(max_length=255, default="", blank=True)
    send_names = models.BooleanField(null=True, blank=True)
    content_id = models.CharField(max_length=16, default="", blank=True)
    catalog = models.CharField(max_length=16, default="", blank=True)
    courses = models.CharField(max_length=16, default="", blank=True)
    catalog_type = models.CharField(max_length=64, default="", blank=True)
    catalog_duration = models.PositiveIntegerField(null=True, blank=True)
    catalog_language = models.CharField(max_length=35, default="", blank=True)
    catalog_push = models.BooleanField(null=True, blank=True)
    catalog_interval = models.PositiveIntegerField(null=True, blank=True)
    catalog_patience = models.PositiveIntegerField(null=True, blank=True)
    launch_idp = models.CharField(max_length=128, default="", blank=True)
    launch_enrolls = models.BooleanField(null=True, blank=True)
    milestones = models.CharField(max_length=100, default="", blank=True)
    started_on = models.CharField(max_length=16, default="", blank=True)
    completed_on = models.CharField(max_length=16, default="", blank=True)
    retakes = models.CharField(max_length=16, default="", blank=True)
    undone = models.CharField(max_length=8, default="", blank=True)
    progress_step = models.PositiveSmallIntegerField(null=True, blank=True)
    locked_units = models.CharField(max_length=16, default="", blank=True)
    progress_from = models.CharField(max_length=16, default="", blank=True)
    batch_size = models.PositiveSmallIntegerField(null=True, blank=True)
    timeout = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta(AccountColumns.Meta):
        verbose_name = _("Percipio configuration")
        verbose_name_plural = _("Percipio configurations")
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("test_percipioconfiguration", _("Can test the connection to Percipio")),
        ]

    def __str__(self) -> str:
        return f"site={self.site_id} version={self.pk}"


class Account(AccountColumns):
    """One of several accounts of a site (another customer, another region), and the rule for whose learners it is.

    The accounts are asked in the order of ``position``, then ``name``, and the first whose rule (``learners``) matches
    has the learner, also while it is switched off (``enabled``). ``name`` is its identity, never reused for another.
    Where and with which credentials it sends is its own alone. An empty ``api``, ``learner_id``, ``learner_home_page``
    or ``organization_from`` means "as the site says", and so does everything else.

    .. no_pii: A service account's credentials (the secret encrypted), addresses, a rule and choices.
    """

    KEY_FIELDS = ("site_id", "name")

    name = ExactCharField(max_length=32, validators=[SLUG])
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(AccountColumns.Meta):
        verbose_name = _("Percipio account")
        verbose_name_plural = _("Percipio accounts")
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("test_account", _("Can test the connection of an account to Percipio")),
        ]

    def __str__(self) -> str:
        return f"site={self.site_id} account={self.name} version={self.pk}"

    @classmethod
    def in_order(cls, site_ids: Iterable[int] | None = None) -> list[Account]:
        """Return the newest version of each account, in the order in which they are asked; of all sites if None."""
        rows = cls.objects.all() if site_ids is None else cls.objects.filter(site_id__in=list(site_ids))
        newest = rows.order_by().values("site_id", "name").annotate(newest=Max("pk")).values_list("newest", flat=True)
        found = cls.objects.filter(pk__in=list(newest))
        return sorted(found, key=lambda row: (row.site_id, row.position, row.name))
