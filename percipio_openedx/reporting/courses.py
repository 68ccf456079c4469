"""Courses with what operators decided for them, each read once a pass."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from percipio_openedx import edx_platform
from percipio_openedx.data import Course
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.configuration import CourseOverride


class CourseBook:
    """The courses of one pass. Nothing is kept longer: a renamed course is reported by its new name."""

    def __init__(self) -> None:
        self._courses: dict[str, Course | None] = {}

    def get(self, course_key: str) -> Course | None:
        """A course run as it is to be reported, or None where the LMS does not know it.

        A course that is left out is not read, for that may be why it is left out: the LMS cannot read it.

        Raises:
            PlatformUnavailable: the platform could not be asked.
        """
        if course_key not in self._courses:
            self._courses[course_key] = _decided(course_key)
        return self._courses[course_key]


def _decided(course_key: str) -> Course | None:
    answer = _answer(course_key)
    if answer is not None and not answer.is_reported:
        return Course(key=course_key, org="", is_reported=False)
    course = edx_platform.course(course_key)
    if course is None or answer is None:
        return course
    return replace(course, is_reported=answer.is_reported, content_id=answer.content_id)


def _answer(course_key: str) -> CourseOverride | None:
    """What an operator decided for the course run, else for all runs of the course."""
    keys = [course_key]
    # A text that is no key of a course run can have an answer of its own all the same.
    with suppress(PlatformUnavailable):
        keys.append(f"course:{edx_platform.org_of(course_key)}+{edx_platform.number_of(course_key)}")
    found = {answer.course_key: answer for answer in CourseOverride.objects.filter(course_key__in=keys)}
    return next((found[key] for key in keys if key in found), None)
