"""App configuration of the stand-in `courseware` app."""

from __future__ import annotations

from django.apps import AppConfig


class CoursewareConfig(AppConfig):
    """Learners' answers."""

    name = "lms.djangoapps.courseware"
    label = "courseware"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Make the kinds of block known."""
        from xmodule.blocks import register

        register()
