"""App configuration of the stand-in `content_type_gating` app."""

from __future__ import annotations

from django.apps import AppConfig


class ContentTypeGatingConfig(AppConfig):
    """Graded content for those alone who are verified."""

    name = "openedx.features.content_type_gating"
    label = "content_type_gating"
    default_auto_field = "django.db.models.AutoField"
