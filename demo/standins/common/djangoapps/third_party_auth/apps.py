"""App configuration of the stand-in `third_party_auth` app."""

from __future__ import annotations

from django.apps import AppConfig


class ThirdPartyAuthConfig(AppConfig):
    """Single sign-on providers."""

    name = "common.djangoapps.third_party_auth"
    label = "third_party_auth"
    default_auto_field = "django.db.models.AutoField"
