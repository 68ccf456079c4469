"""Collects a course into its row, and hands out what was collected.

Source: `openedx/core/djangoapps/content/block_structure/manager.py` and `store.py` of edx-platform, 2026. On the
platform the row's data is a file, and the cache has a copy.
"""

from __future__ import annotations

import base64
from typing import Any

from opaque_keys.edx.keys import CourseKey
from xmodule.modulestore.django import modulestore
from xmodule.modulestore.exceptions import ItemNotFoundError

from demo.learning.costs import platform_call
from openedx.core.lib.cache_utils import zpickle, zunpickle

from .block_structure import BlockStructureBlockData
from .models import BlockStructureModel
from .transformers import BlockStructureTransformers


class BlockStructureManager:
    """The structure of one course run."""

    def __init__(self, course_key: CourseKey) -> None:
        self.course_key = course_key
        self.root_block_usage_key = course_key.make_usage_key("course", "course")

    def get_transformed(
        self,
        transformers: BlockStructureTransformers,
        starting_block_usage_key: Any = None,
        collected_block_structure: Any = None,
        user: Any = None,
    ) -> BlockStructureBlockData:
        """The structure as one learner has it."""
        structure = collected_block_structure or self.get_collected(user)
        transformers.transform(structure)
        return structure

    def get_collected(self, user: Any = None) -> BlockStructureBlockData:
        """The structure as it was collected last, collected now where it never was.

        Raises ItemNotFoundError for an unknown course, and whatever the platform raises for one that it cannot collect.
        """
        platform_call("get_course_in_cache", self.course_key)
        row = BlockStructureModel.objects.filter(data_usage_key=self.root_block_usage_key).first()
        if row is None:
            return self.update_collected()
        structure: BlockStructureBlockData = zunpickle(base64.b64decode(row.data))
        return structure

    def update_collected(self) -> BlockStructureBlockData:
        """Collect the course as it is published now. On the platform a task, half a minute after the publication."""
        course = modulestore().get_course(self.course_key)
        if course is None:
            raise ItemNotFoundError(self.course_key)
        structure = BlockStructureBlockData(self.root_block_usage_key)
        structure.add(course.block)
        BlockStructureTransformers.collect(structure)
        structure.finish()
        BlockStructureModel.objects.update_or_create(
            data_usage_key=self.root_block_usage_key,
            defaults={
                "data_version": str(course.course_version),
                "data_edit_timestamp": course.subtree_edited_on,
                "transformers_schema_version": "1",
                "block_structure_schema_version": str(structure.VERSION),
                "data": base64.b64encode(zpickle(structure)).decode(),
            },
        )
        return structure
