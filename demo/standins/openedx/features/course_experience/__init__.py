"""Where a course begins for a learner."""

from __future__ import annotations

from opaque_keys.edx.keys import CourseKey


def course_home_url(course_key: CourseKey) -> str:
    """The course's home in the learning micro-frontend."""
    from .url_helpers import get_learning_mfe_home_url

    return get_learning_mfe_home_url(course_key, url_fragment="home")
