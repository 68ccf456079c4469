"""App configuration of the demo's own app."""

from __future__ import annotations

from django.apps import AppConfig


class LearningConfig(AppConfig):
    """Courses to learn from, and learners who do."""

    name = "demo.learning"
    label = "learning"
    verbose_name = "Demo courses"
    default_auto_field = "django.db.models.BigAutoField"
