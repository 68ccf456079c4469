"""The blocks of a course that a learner sees, in the form of the platform's blocks API."""

from __future__ import annotations

from typing import Any

from opaque_keys.edx.keys import UsageKey
from xmodule.modulestore.django import modulestore


def get_blocks(request: Any, usage_key: UsageKey, user: Any = None, **kwargs: Any) -> dict[str, Any]:
    """Blocks by key, with their types; used by the completion API."""
    course = modulestore().get_course(usage_key.course_key)
    blocks = [block for block in course.walk() if not block.staff_only]
    return {
        "root": str(usage_key),
        "blocks": {str(block.usage_key): {"id": str(block.usage_key), "type": block.block_type} for block in blocks},
    }
