"""App configuration of the stand-in `site_configuration` app."""

from __future__ import annotations

from django.apps import AppConfig


class SiteConfigurationConfig(AppConfig):
    """Values per site."""

    name = "openedx.core.djangoapps.site_configuration"
    label = "site_configuration"
    default_auto_field = "django.db.models.AutoField"
