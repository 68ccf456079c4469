"""Publishing by hand: what changes in a course is collected at once, unless a test lets the outline lag."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from demo.learning.faults import is_lagging


def block_changed(instance: Any, **_: Any) -> None:
    """A block of a course that was published before was changed, added or taken out."""
    follow(instance.course_id)


def follow(*course_ids: int) -> None:
    """Collect these courses anew, those of them that were ever collected."""
    from openedx.core.djangoapps.content.block_structure.api import is_collected, update_course_in_cache

    from demo.learning.models import StoredCourse

    if is_lagging():
        return
    for course in StoredCourse.objects.filter(pk__in=course_ids):
        if is_collected(course.course_key):
            open_tracks(course.course_key)
            update_course_in_cache(course.course_key)


def open_tracks(course_key: Any) -> None:
    """Give a course with graded content that is to be locked its tracks, and gate it, unless that was decided."""
    from common.djangoapps.course_modes.models import CourseMode
    from openedx.features.content_type_gating.models import ContentTypeGatingConfig

    from demo.learning.models import StoredBlock

    if not StoredBlock.objects.filter(course__course_key=course_key, gated=True).exists():
        return
    for slug in (CourseMode.AUDIT, CourseMode.VERIFIED):
        CourseMode.objects.get_or_create(
            course_id=course_key, mode_slug=slug, defaults={"mode_display_name": slug.title()}
        )
    since = datetime(2018, 1, 1, tzinfo=UTC)
    ContentTypeGatingConfig.objects.get_or_create(course=course_key, defaults={"enabled": True, "enabled_as_of": since})
