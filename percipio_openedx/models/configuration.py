"""One site's settings, with the client secret encrypted."""

from __future__ import annotations

from typing import Any, ClassVar

from config_models.models import ConfigurationModel
from django.contrib.sites.models import Site
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.encrypted import EncryptedSecretField
from percipio_openedx.secret import Secret


class PercipioConfiguration(ConfigurationModel):  # type: ignore[misc]
    """How one site reports to Percipio. Every save is a new version; the newest counts.

    An empty field means "as the setting says" (``PERCIPIO_<FIELD>``), with one exception: where ``client_id``
    is given here, the secret, the partner and the organization are taken from here alone, so that one site's
    learners are never sent with another's credentials. ``enabled`` (of the base class) switches the site off
    although settings are given.

    Only the newest version of a site keeps its secret: earlier ones lose it when the next one is saved, so that a key
    which was replaced opens nothing that is still here.

    .. no_pii: A service account's credentials (the secret encrypted), addresses and choices.
    """

    KEY_FIELDS = ("site_id",)

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    region = models.CharField(max_length=16, default="", blank=True)
    api_url = models.CharField(max_length=255, default="", blank=True)
    token_url = models.CharField(max_length=255, default="", blank=True)
    partner_name = models.CharField(max_length=128, default="", blank=True)
    organization_id = models.CharField(max_length=128, default="", blank=True)
    client_id = models.CharField(max_length=255, default="", blank=True)
    client_secret = EncryptedSecretField(default="", blank=True)
    api = models.CharField(max_length=12, default="", blank=True)
    send_skipped = models.BooleanField(null=True, blank=True)
    learner_id = models.CharField(max_length=100, default="", blank=True)
    learner_home_page = models.CharField(max_length=255, default="", blank=True)
    organization_from = models.CharField(max_length=100, default="", blank=True)
    learners = models.CharField(max_length=100, default="", blank=True)
    send_names = models.BooleanField(null=True, blank=True)
    content_id = models.CharField(max_length=16, default="", blank=True)
    started_on = models.CharField(max_length=16, default="", blank=True)
    completed_on = models.CharField(max_length=16, default="", blank=True)
    undone = models.CharField(max_length=8, default="", blank=True)
    progress_step = models.PositiveSmallIntegerField(null=True, blank=True)
    locked_units = models.CharField(max_length=16, default="", blank=True)
    batch_size = models.PositiveSmallIntegerField(null=True, blank=True)
    timeout = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta(ConfigurationModel.Meta):  # type: ignore[misc]
        app_label = "percipio_openedx"
        verbose_name = _("Percipio configuration")
        verbose_name_plural = _("Percipio configurations")
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("test_percipioconfiguration", _("Can test the connection to Percipio")),
        ]

    def __str__(self) -> str:
        return f"site={self.site_id} version={self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add a version, and take the secret out of the earlier ones of its site."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            earlier = type(self).objects.filter(site_id=self.site_id, pk__lt=self.pk)
            earlier.exclude(client_secret=b"").update(client_secret=Secret(""))

    @classmethod
    def newest(cls, site_id: int) -> PercipioConfiguration | None:
        """Return the version of a site that was saved last, or None where there is none.

        By primary key, which no clock that was wrong once can turn round.
        """
        row: PercipioConfiguration | None = cls.objects.filter(site_id=site_id).order_by("-pk").first()
        return row

    @classmethod
    def current(cls, *args: int) -> PercipioConfiguration:
        """Return the newest version of a site, or an unsaved empty one where there is none.

        Read from the database each time: the base class keeps the whole row, with the decrypted secret, in
        the LMS's shared cache.
        """
        (site_id,) = args
        return cls.newest(site_id) or cls(site_id=site_id)
