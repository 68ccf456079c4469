"""Who may read the statement resource, and who did."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.sites.models import Site
from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.fields import ForeignTextField


class PullClient(models.Model):
    """An OAuth2 application of the LMS that may read one site's statements. There is none until a person names one.

    ``client_id`` is the application's, as text: an application that is made anew has to be named anew.

    .. no_pii: An application's id and a site.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    client_id = models.CharField(max_length=100, unique=True)
    enabled = models.BooleanField(default=False)

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("pull client")
        verbose_name_plural = _("pull clients")

    def __str__(self) -> str:
        return f"pull client {self.pk} site={self.site_id} {'on' if self.enabled else 'off'}"

    @classmethod
    def sites(cls) -> set[int]:
        """Return the sites whose statements somebody may read, or by the log has read.

        What was read must not change any more: statements are immutable (xAPI 1.0.3 Data 2.3.1).
        """
        may = set(cls.objects.filter(enabled=True).values_list("site_id", flat=True))
        # Site by site, each ending at its first row: the log of pulls is long.
        asked = set(PullAudit.objects.order_by().values_list("site_id", flat=True).distinct())
        read = PullAudit.objects.filter(statements__gt=0)
        return may | {site_id for site_id in asked - may if read.filter(site_id=site_id).exists()}


class PullAudit(models.Model):
    """One request of a pull client; of refused ones only the first sixty of each client in an hour.

    ``asked`` holds the names of the parameters, never their values, which name learners. The rows outlive the client.

    .. no_pii: An application's id, names of parameters, counts and times.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    site_id = models.PositiveIntegerField()
    client_id = models.CharField(max_length=100)
    method = ForeignTextField(max_length=8)
    asked = ForeignTextField(max_length=255, default="", blank=True)
    status = models.PositiveSmallIntegerField()
    statements = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField()

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("pull")
        verbose_name_plural = _("pulls")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["at"], name="percipio_pull_at"),
            models.Index(fields=["site_id", "at"], name="percipio_pull_site"),
        ]

    def __str__(self) -> str:
        return f"pull {self.pk}: site={self.site_id} status={self.status} statements={self.statements}"
