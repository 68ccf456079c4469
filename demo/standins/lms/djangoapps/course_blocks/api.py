"""The blocks of a course that one learner has. Source: `lms/djangoapps/course_blocks/api.py`, 2026."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from openedx.core.djangoapps.content.block_structure.api import get_block_structure_manager
from openedx.core.djangoapps.content.block_structure.transformers import BlockStructureTransformers
from openedx.features.content_type_gating.block_transformers import ContentTypeGateTransformer

from lms.djangoapps.course_api.blocks.transformers.block_completion import BlockCompletionTransformer

from .transformers import dates, library_content, start_date, user_partitions, visibility
from .usage_info import CourseUsageInfo


def get_course_block_access_transformers(user: User) -> list[Any]:
    """The fixed list; transformers of plugins collect, and are never run here."""
    return [
        library_content.ContentLibraryTransformer(),
        library_content.ContentLibraryOrderTransformer(),
        start_date.StartDateTransformer(),
        ContentTypeGateTransformer(),
        user_partitions.UserPartitionTransformer(),
        visibility.VisibilityTransformer(),
        dates.DateOverrideTransformer(user),
        dates.OverrideDataTransformer(user),
    ]


def get_course_blocks(
    user: User,
    starting_block_usage_key: Any,
    transformers: BlockStructureTransformers | None = None,
    collected_block_structure: Any = None,
    allow_start_dates_in_future: bool = False,
    include_completion: bool = False,
) -> Any:
    """The structure as the learner has it, with what is complete where that is asked for."""
    transformers = transformers or BlockStructureTransformers(get_course_block_access_transformers(user))
    if include_completion:
        transformers += [BlockCompletionTransformer()]
    course_key = starting_block_usage_key.course_key
    transformers.usage_info = CourseUsageInfo(course_key, user, allow_start_dates_in_future)
    return get_block_structure_manager(course_key).get_transformed(
        transformers, starting_block_usage_key, collected_block_structure, user
    )
