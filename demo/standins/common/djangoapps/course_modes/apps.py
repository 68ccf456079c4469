"""App configuration of the stand-in `course_modes` app."""

from __future__ import annotations

from django.apps import AppConfig


class CourseModesConfig(AppConfig):
    """The tracks of courses."""

    name = "common.djangoapps.course_modes"
    label = "course_modes"
    default_auto_field = "django.db.models.AutoField"
