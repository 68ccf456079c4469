"""Course runs as the catalogue describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import CharField, Q
from django.db.models.functions import Cast
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import Course, Instructor
from percipio_openedx.edx_platform.door import parsed, platform


def course(course_key: str) -> Course | None:
    """A course run as the catalogue describes it; None where the LMS does not know it (any more).

    Raises:
        PlatformUnavailable: the course cannot be read. Half of a course is not told: without its grading, say, a score
            would be left out of statements that are frozen then.
    """
    key = parsed(course_key)
    with platform("course_overviews.models.CourseOverview"):
        from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

        try:
            overview = CourseOverview.get_from_id(key)
        except CourseOverview.DoesNotExist:
            return None
        block = _block(key)
        return Course(
            key=course_key,
            org=key.org or "",
            number=key.course or "",
            run=key.run or "",
            name=overview.display_name_with_default or "",
            description=overview.short_description or "",
            language=overview.language or "",
            instructors=_instructors(block),
            # Of a course that is gone from the course store the platform's function cannot say.
            is_graded=block is not None and is_graded(course_key),
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


def _block(key: CourseKey) -> Any:
    """The course run in the course store; None where its overview outlived it."""
    with platform("xmodule.modulestore"):
        from xmodule.modulestore.django import modulestore

        return modulestore().get_course(key)


def _instructors(block: Any) -> tuple[Instructor, ...]:
    """Those whom the course's own page names (``instructor_info``); free text without an address.

    Access roles are not asked: *instructor* is the platform's word for a course admin and says nothing of teaching.
    """
    info = getattr(block, "instructor_info", None) or {}
    people = info.get("instructors") or [] if isinstance(info, Mapping) else []
    named = [str(person.get("name") or "").strip() for person in people if isinstance(person, Mapping)]
    return tuple(Instructor(name=name) for name in named if name)


def is_graded(course_key: str) -> bool:
    """Whether anything in the course run counts towards a grade; False where this release cannot say.

    Raises:
        PlatformUnavailable: the platform stumbled over the course.
    """
    with platform("grades.api.graded_subsections_for_course_id"):
        try:
            from lms.djangoapps.grades.api import graded_subsections_for_course_id
        except ImportError:
            return False
        return any(True for _ in graded_subsections_for_course_id(parsed(course_key)))


def outline_version(course_key: str) -> str:
    """The version of the outline in which the platform counts a course run's units; ``''`` where none is known.

    It is that of the row of the collected block structure (``BlockStructureModel``, which every release since Sumac
    keeps): the row changes in the moment in which the platform's counts change. ``CourseOverview.modified`` and the
    version in the course store change with the publication, and the outline follows half a minute or a queue later: a
    share that was asked for in between would be remembered as one of the new version. One query.
    """
    key = parsed(course_key)
    with platform("block_structure.models.BlockStructureModel"):
        try:
            from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel
        except (ImportError, RuntimeError):
            return ""
        root = key.make_usage_key("course", "course")
        versions = ("data_version", "transformers_schema_version", "block_structure_schema_version", "modified")
        row = BlockStructureModel.objects.filter(data_usage_key=root).values_list(*versions).first()
        return "" if row is None else "|".join(map(str, row))
