"""Collects courses and hands out what was collected, which follows a publication late."""

from __future__ import annotations

import json
from typing import NamedTuple

from opaque_keys.edx.keys import CourseKey
from xmodule.modulestore.django import modulestore
from xmodule.modulestore.exceptions import ItemNotFoundError

from demo.learning.costs import platform_call

from .models import BlockStructureModel


class CollectedUnit(NamedTuple):
    """A unit as it was collected: the keys, as text, of the blocks in it that a learner can complete."""

    usage_key: str
    staff_only: bool
    gated: bool
    counted: list[str]


def get_course_in_cache(course_key: CourseKey) -> list[CollectedUnit]:
    """The units as they were collected last; collected now where they never were.

    Raises ItemNotFoundError for an unknown course, and whatever the platform raises for one that it cannot collect.
    """
    platform_call("get_course_in_cache", course_key)
    if not modulestore().has_course(course_key):
        raise ItemNotFoundError(course_key)
    row = BlockStructureModel.objects.filter(data_usage_key=_root(course_key)).first()
    if row is None:
        update_course_in_cache(course_key)
        row = BlockStructureModel.objects.get(data_usage_key=_root(course_key))
    return [CollectedUnit(*unit) for unit in json.loads(row.data)]


def is_collected(course_key: CourseKey) -> bool:
    """Whether it was ever collected."""
    return BlockStructureModel.objects.filter(data_usage_key=_root(course_key)).exists()


def update_course_in_cache(course_key: CourseKey) -> None:
    """Collect the course as it is published now. On the platform a task, half a minute after the publication."""
    course = modulestore().get_course(course_key)
    units = [
        CollectedUnit(
            str(unit.usage_key), unit.staff_only, unit.gated, [str(block.usage_key) for block in unit.counted_blocks()]
        )
        for unit in course.units(with_staff_only=True)
    ]
    BlockStructureModel.objects.update_or_create(
        data_usage_key=_root(course_key),
        defaults={
            "data_version": str(course.course_version),
            "data_edit_timestamp": course.subtree_edited_on,
            "transformers_schema_version": "1",
            "block_structure_schema_version": "2",
            "data": json.dumps(units),
        },
    )


def _root(course_key: CourseKey):  # type: ignore[no-untyped-def]
    return course_key.make_usage_key("course", "course")
