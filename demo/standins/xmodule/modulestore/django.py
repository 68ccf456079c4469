"""The course store. On the platform courses live in a database of their own; here in two small tables."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal
from opaque_keys.edx.keys import CourseKey

from demo.learning.costs import platform_call


class SignalHandler:
    """Signals of the course store."""

    course_published = Signal()
    course_deleted = Signal()
    item_deleted = Signal()


class DemoModuleStore:
    """Reads courses from the demo's tables."""

    def get_course(self, course_key: CourseKey, depth: int = 0) -> Any:
        """The course with its blocks, or None."""
        from demo.learning.course import load_course

        platform_call("modulestore.get_course", course_key)
        return load_course(course_key)

    def has_course(self, course_key: CourseKey) -> bool:
        """Whether there is such a course."""
        from demo.learning.models import StoredCourse

        return StoredCourse.objects.filter(course_key=course_key).exists()

    def get_about(self, course_key: CourseKey, attribute: str) -> str | None:
        """One about attribute, or None."""
        from demo.learning.models import StoredCourse

        about = StoredCourse.objects.filter(course_key=course_key).values_list("about", flat=True).first()
        return (about or {}).get(attribute)


_STORE = DemoModuleStore()


def modulestore() -> DemoModuleStore:
    """The one store of the process."""
    return _STORE
