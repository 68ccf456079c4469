"""Courses with what operators decided for them, each read once a pass."""

from __future__ import annotations

from dataclasses import replace

from percipio_openedx import edx_platform
from percipio_openedx.data import Course
from percipio_openedx.models.course_answer import CourseAnswer


class CourseBook:
    """The courses of one pass. Nothing is kept longer: a renamed course is reported by its new name."""

    def __init__(self) -> None:
        self._courses: dict[str, Course | None] = {}

    def get(self, course_key: str) -> Course | None:
        """A course run as it is to be reported, or None where the LMS does not know it.

        Raises:
            PlatformUnavailable: the platform could not be asked.
        """
        if course_key not in self._courses:
            self._courses[course_key] = _answered(edx_platform.course(course_key))
        return self._courses[course_key]


def _answered(course: Course | None) -> Course | None:
    if course is None:
        return None
    for_all_runs = f"course:{course.org}+{course.number}"
    answers = {
        answer.course_key: answer for answer in CourseAnswer.objects.filter(course_key__in=[course.key, for_all_runs])
    }
    answer = answers.get(course.key) or answers.get(for_all_runs)
    if answer is None:
        return course
    return replace(course, is_reported=answer.is_reported, content_id=answer.content_id)
