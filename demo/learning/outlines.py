"""Publishing by hand: what changes in a course is collected at once, unless a test lets the outline lag."""

from __future__ import annotations

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
            update_course_in_cache(course.course_key)
