"""Values per site, and their history in clear text."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.sites.models import Site
from django.db import models
from django.db.models.signals import post_save
from django.dispatch import receiver
from jsonfield.fields import JSONField
from model_utils.models import TimeStampedModel

logger = logging.getLogger(__name__)


class SiteConfiguration(models.Model):
    """One site's values; only an enabled row counts."""

    site = models.OneToOneField(Site, related_name="configuration", on_delete=models.CASCADE)
    enabled = models.BooleanField(default=False, verbose_name="Enabled")
    site_values = JSONField(null=False, blank=True, default=dict)

    class Meta:
        app_label = "site_configuration"

    def __str__(self) -> str:
        return f"<SiteConfiguration: {self.site} >"

    def get_value(self, name: str, default: Any = None) -> Any:
        """The value of a key that is present (also when it is null), else `default`."""
        if not self.enabled:
            logger.info("Site configuration is not enabled site=%s", self.site_id)
            return default
        return self.site_values.get(name, default)

    @classmethod
    def get_configuration_for_org(cls, org: str, select_related: list[str] | None = None) -> SiteConfiguration | None:
        """The enabled row whose `course_org_filter` names the organization; with two, the first one found."""
        query = cls.objects.filter(site_values__contains=org, enabled=True)
        if select_related is not None:
            query = query.select_related(*select_related)
        for configuration in query:
            if org in _orgs(configuration):
                return configuration
        return None

    @classmethod
    def get_value_for_org(cls, org: str, name: str, default: Any = None) -> Any:
        """The value of the site that claims the organization."""
        configuration = cls.get_configuration_for_org(org)
        return configuration.get_value(name, default) if configuration else default

    @classmethod
    def get_all_orgs(cls) -> set[str]:
        """All organizations that an enabled site claims."""
        found: set[str] = set()
        for configuration in cls.objects.filter(site_values__contains="course_org_filter", enabled=True):
            found.update(_orgs(configuration))
        return found

    @classmethod
    def has_org(cls, org: str) -> bool:
        """Whether an enabled site claims the organization."""
        return org in cls.get_all_orgs()


def _orgs(configuration: SiteConfiguration) -> list[str]:
    named = configuration.get_value("course_org_filter", [])
    return [named] if isinstance(named, str) else list(named or [])


class SiteConfigurationHistory(TimeStampedModel):
    """A copy of all values, in clear text, for every save. Nothing prunes it."""

    site = models.ForeignKey(Site, related_name="configuration_histories", on_delete=models.CASCADE)
    enabled = models.BooleanField(default=False, verbose_name="Enabled")
    site_values = JSONField(null=False, blank=True, default=dict)

    class Meta:
        app_label = "site_configuration"
        get_latest_by = "modified"
        ordering = ("-modified", "-created")

    def __str__(self) -> str:
        return f"<SiteConfigurationHistory: {self.site}, Last Modified: {self.modified} >"


@receiver(post_save, sender=SiteConfiguration)
def update_site_configuration_history(instance: SiteConfiguration, **kwargs: Any) -> None:
    """Keep a copy of what was saved."""
    SiteConfigurationHistory.objects.create(
        site=instance.site, enabled=instance.enabled, site_values=instance.site_values
    )
