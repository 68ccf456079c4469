"""App configuration of the stand-in `student` app."""

from __future__ import annotations

from django.apps import AppConfig


class StudentConfig(AppConfig):
    """Learners' profiles, enrolments and course roles."""

    name = "common.djangoapps.student"
    label = "student"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Connect the receivers that report changed account settings to tracking."""
        from . import receivers  # noqa: F401
