"""Public functions of the grades app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opaque_keys.edx.keys import CourseKey
from xmodule.modulestore.django import modulestore

from demo.learning.costs import platform_call
from lms.djangoapps.grades.course_grade_factory import CourseGradeFactory

__all__ = ["CourseGradeFactory", "graded_subsections_for_course_id"]


def graded_subsections_for_course_id(course_id: CourseKey) -> Iterator[Any]:
    """The subsections whose points count; raises a bare AttributeError for an unknown course."""
    platform_call("graded_subsections_for_course_id", course_id)
    for block in modulestore().get_course(course_id).walk():
        if block.block_type == "sequential" and any(inner.weight > 0 for inner in block.walk()):
            yield block
