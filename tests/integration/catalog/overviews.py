"""Course runs as the LMS's own catalog holds them, without a course behind them."""

from __future__ import annotations

from typing import Any

from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview


def _row(key: str, **fields: Any) -> CourseOverview:
    course_key = CourseKey.from_string(key)
    said = {
        "version": CourseOverview.VERSION,
        "org": course_key.org,
        "display_org_with_default": course_key.org,
        "display_name": f"Course {course_key.run}",
        "short_description": "Short.",
        "language": "en",
        "effort": "3",
        "course_image_url": "/a.jpg",
        "catalog_visibility": "both",
        **fields,
    }
    return CourseOverview(id=course_key, _location=course_key.make_usage_key("course", "course"), **said)


def an_overview(key: str, **fields: Any) -> None:
    """One course run, with plain defaults."""
    _row(key, **fields).save(force_insert=True)


def overviews(count: int) -> None:
    """As many course runs, each of a course of its own, of ten organizations."""
    rows = [_row(f"course-v1:Org{number % 10}+C{number}+R", display_name=f"No. {number}") for number in range(count)]
    CourseOverview.objects.bulk_create(rows, batch_size=200)
