"""App configuration of the demo's own app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


class LearningConfig(AppConfig):
    """Courses to learn from, and learners who do."""

    name = "demo.learning"
    label = "learning"
    verbose_name = "Demo courses"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What was collected of a course follows what changes in it."""
        from demo.learning import models, outlines

        for signal in (post_save, post_delete):
            signal.connect(outlines.block_changed, sender=models.StoredBlock, dispatch_uid="demo.outline")
