"""App configuration of the stand-in `oauth_dispatch` app."""

from __future__ import annotations

from django.apps import AppConfig


class OAuthDispatchAppConfig(AppConfig):
    """Access tokens for API clients."""

    name = "openedx.core.djangoapps.oauth_dispatch"
    label = "oauth_dispatch"
    default_auto_field = "django.db.models.AutoField"
