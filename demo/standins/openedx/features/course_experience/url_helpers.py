"""Addresses in the learning micro-frontend."""

from __future__ import annotations

from django.conf import settings
from django.http import QueryDict
from opaque_keys.edx.keys import CourseKey

from openedx.core.djangoapps.site_configuration import helpers as configuration_helpers


def get_learning_mfe_home_url(
    course_key: CourseKey | str, url_fragment: str | None = None, params: QueryDict | None = None
) -> str:
    """A page of the course; begins with `None` where the site has set no such address (the platform's default).

    Raises AttributeError where the setting is missing.
    """
    root = configuration_helpers.get_value("LEARNING_MICROFRONTEND_URL", settings.LEARNING_MICROFRONTEND_URL)
    address = f"{root}/course/{course_key}"
    if url_fragment:
        address += f"/{url_fragment}"
    return f"{address}?{params.urlencode()}" if params else address
