"""Addresses of a course for those who are not in it."""

from __future__ import annotations

from django.conf import settings
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx.core.djangoapps.site_configuration import helpers as configuration_helpers


def get_link_for_about_page(course: CourseOverview) -> str:
    """The course's page on the marketing site where it has one, else the LMS's about page."""
    if getattr(course, "marketing_url", None):
        return str(course.marketing_url)
    root = configuration_helpers.get_value("LMS_ROOT_URL", settings.LMS_ROOT_URL)
    return f"{root}/courses/{course.id}/about"
