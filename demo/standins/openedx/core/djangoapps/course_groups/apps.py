"""App configuration of the stand-in `course_groups` app."""

from __future__ import annotations

from django.apps import AppConfig


class CourseGroupsConfig(AppConfig):
    """Cohorts."""

    name = "openedx.core.djangoapps.course_groups"
    label = "course_groups"
    default_auto_field = "django.db.models.AutoField"
