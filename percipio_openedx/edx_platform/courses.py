"""Course runs as the catalogue describes them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import CharField, Q
from django.db.models.functions import Cast
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import Course, Instructor
from percipio_openedx.edx_platform.door import parsed, platform
from percipio_openedx.exceptions import PlatformUnavailable


def course(course_key: str) -> Course | None:
    """A course run as the catalogue describes it; None where the LMS does not know it (any more)."""
    key = parsed(course_key)
    with platform("course_overviews.models.CourseOverview"):
        from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

        try:
            overview = CourseOverview.get_from_id(key)
        except CourseOverview.DoesNotExist:
            return None
    return Course(
        key=course_key,
        org=key.org or "",
        number=key.course or "",
        run=key.run or "",
        name=overview.display_name_with_default or "",
        description=overview.short_description or "",
        language=overview.language or "",
        instructors=_instructors(key),
        is_graded=is_graded(course_key),
    )


def find_courses(text: str, limit: int) -> dict[str, str]:
    """Course runs by key, with their names, in which every word of ``text`` is part of the name or of the key.

    No index helps with parts of words; the table has one row a course run.

    Raises:
        PlatformUnavailable: the catalogue is missing, or stumbled over the question.
    """
    with platform("course_overviews.models.CourseOverview"):
        from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

        # The key's own field takes whole keys only.
        rows = CourseOverview.objects.annotate(key=Cast("id", CharField(max_length=255))).order_by("key")
        for word in text.split():
            rows = rows.filter(Q(key__icontains=word) | Q(display_name__icontains=word))
        return {key: name or "" for key, name in rows.values_list("key", "display_name")[:limit]}


def _instructors(key: CourseKey) -> tuple[Instructor, ...]:
    """Those whom the course's own page names (``instructor_info``); free text without an address.

    Access roles are not asked: *instructor* is the platform's word for a course admin and says nothing of teaching.
    """
    with platform("xmodule.modulestore"):
        from xmodule.modulestore.django import modulestore

        block = modulestore().get_course(key)
    info = getattr(block, "instructor_info", None) or {}
    people = info.get("instructors") or [] if isinstance(info, Mapping) else []
    named = [str(person.get("name") or "").strip() for person in people if isinstance(person, Mapping)]
    return tuple(Instructor(name=name) for name in named if name)


def is_graded(course_key: str) -> bool:
    """Whether anything in the course run counts towards a grade."""
    try:
        with platform("grades.api.graded_subsections_for_course_id"):
            from lms.djangoapps.grades.api import graded_subsections_for_course_id

            return any(True for _ in graded_subsections_for_course_id(parsed(course_key)))
    except PlatformUnavailable:
        return False
