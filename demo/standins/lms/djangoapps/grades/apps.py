"""App configuration of the stand-in `grades` app."""

from __future__ import annotations

from django.apps import AppConfig


class GradesConfig(AppConfig):
    """Course grades."""

    name = "lms.djangoapps.grades"
    label = "grades"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Connect the platform's own receivers."""
        from .signals import handlers  # noqa: F401
