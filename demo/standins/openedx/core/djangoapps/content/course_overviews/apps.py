"""App configuration of the stand-in `course_overviews` app."""

from __future__ import annotations

from django.apps import AppConfig


class CourseOverviewsConfig(AppConfig):
    """What the LMS shows of a course without loading it."""

    name = "openedx.core.djangoapps.content.course_overviews"
    label = "course_overviews"
    default_auto_field = "django.db.models.AutoField"
