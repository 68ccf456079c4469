"""Collects courses and hands out what was collected, which follows a publication late."""

from __future__ import annotations

from opaque_keys.edx.keys import CourseKey

from .block_structure import BlockStructureBlockData
from .manager import BlockStructureManager
from .models import BlockStructureModel


def get_block_structure_manager(course_key: CourseKey) -> BlockStructureManager:
    """The manager of a course run."""
    return BlockStructureManager(course_key)


def get_course_in_cache(course_key: CourseKey) -> BlockStructureBlockData:
    """The course as it was collected last; raises as the manager does."""
    return get_block_structure_manager(course_key).get_collected()


def update_course_in_cache(course_key: CourseKey) -> None:
    """Collect the course as it is published now."""
    get_block_structure_manager(course_key).update_collected()


def is_collected(course_key: CourseKey) -> bool:
    """Whether it was ever collected."""
    root = course_key.make_usage_key("course", "course")
    return BlockStructureModel.objects.filter(data_usage_key=root).exists()
