"""App configuration of the stand-in `external_user_ids` app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

TYPES = {"caliper": "Caliper events", "lti": "LTI launches", "xapi": "xAPI statements"}


class ExternalUserIDConfig(AppConfig):
    """Ids by which others may know a learner."""

    name = "openedx.core.djangoapps.external_user_ids"
    label = "external_user_ids"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """The kinds of id are there after every migration, and after a test has emptied the tables."""
        post_migrate.connect(add_types, sender=self)


def add_types(using: str, **kwargs: Any) -> None:
    """Add the kinds that are not there."""
    from .models import ExternalIdType

    for name, description in TYPES.items():
        ExternalIdType.objects.using(using).get_or_create(name=name, defaults={"description": description})
