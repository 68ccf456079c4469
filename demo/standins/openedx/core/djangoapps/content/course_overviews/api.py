"""Public functions of the course overviews."""

from __future__ import annotations

import logging
from typing import Any

from opaque_keys.edx.keys import CourseKey

from .models import CourseOverview
from .serializers import CourseOverviewBaseSerializer

logger = logging.getLogger(__name__)


def get_course_overviews(course_ids: list[CourseKey]) -> list[dict[str, Any]]:
    """Serialized overviews of the courses that have one, in one query; others are left out."""
    overviews = CourseOverview.objects.filter(id__in=course_ids)
    return list(CourseOverviewBaseSerializer(overviews, many=True).data)


def get_course_overview_or_none(course_id: CourseKey) -> CourseOverview | None:
    """The overview, or None whatever goes wrong."""
    try:
        return CourseOverview.get_from_id(course_id)
    except Exception:  # noqa: BLE001 - the platform's function swallows everything too
        logger.warning("No course overview course=%s", course_id)
        return None


def get_course_overviews_from_ids(course_ids: list[CourseKey]) -> dict[CourseKey, CourseOverview | None]:
    """The rows of several courses."""
    return CourseOverview.get_from_ids(course_ids)
