"""A course in memory, with the attributes that the platform's course blocks have."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from opaque_keys.edx.keys import CourseKey, UsageKey

from .models import StoredBlock, StoredCourse

UNIT_TYPE = "vertical"
# Blocks that nobody can complete, such as a discussion or an empty bank of questions, do not hold back their unit.
UNCOUNTED_TYPES = frozenset({"discussion", "library_content"})


@dataclass
class Block:
    """A block and what it holds."""

    usage_key: UsageKey
    block_type: str
    display_name: str
    weight: float
    staff_only: bool
    gated: bool
    children: list[Block] = field(default_factory=list)

    def walk(self) -> Iterator[Block]:
        """The block and everything under it, in the course's order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def counted_blocks(self) -> list[Block]:
        """The blocks under it that a learner can complete."""
        inner = [block for block in self.walk() if block is not self and not block.children]
        return [block for block in inner if block.block_type not in UNCOUNTED_TYPES and not block.staff_only]


@dataclass
class Course:
    """A course run."""

    id: CourseKey
    display_name: str
    language: str | None
    start: datetime | None
    end: datetime | None
    self_paced: bool
    pass_mark: float
    has_certificate: bool
    course_version: ObjectId
    subtree_edited_on: datetime
    instructor_info: dict[str, Any]
    sections: list[Block] = field(default_factory=list)

    @property
    def location(self) -> UsageKey:
        """The key of the course's own block."""
        return self.id.make_usage_key("course", "course")

    @property
    def display_name_with_default(self) -> str:
        """The name."""
        return self.display_name

    @property
    def lowest_passing_grade(self) -> float:
        """The lowest share of the points that passes."""
        return self.pass_mark

    @property
    def image_path(self) -> str:
        """Where the course's picture is, without a host."""
        return f"/asset-v1:{self.id.org}+{self.id.course}+{self.id.run}+type@asset+block@images_course_image.jpg"

    @property
    def grading_policy_hash(self) -> str:
        """A digest of what is graded, and of the pass mark."""
        policy = repr((self.pass_mark, [(str(block.usage_key), block.weight) for block in self.graded_blocks()]))
        return base64.b64encode(hashlib.sha1(policy.encode(), usedforsecurity=False).digest()).decode()

    def walk(self) -> Iterator[Block]:
        """All blocks, in order."""
        for section in self.sections:
            yield from section.walk()

    def units(self, with_staff_only: bool = False) -> list[Block]:
        """The units that a learner (or the staff) sees."""
        units = [block for block in self.walk() if block.block_type == UNIT_TYPE]
        return [unit for unit in units if with_staff_only or not unit.staff_only]

    def graded_blocks(self) -> list[Block]:
        """The blocks whose points count."""
        return [block for block in self.walk() if block.weight > 0]


def load_course(course_key: CourseKey) -> Course | None:
    """Read a course and all its blocks: two queries. None for an unknown one."""
    stored = StoredCourse.objects.filter(course_key=course_key).first()
    if stored is None:
        return None
    course = Course(
        id=stored.course_key,
        display_name=stored.display_name,
        language=stored.language or None,
        start=stored.start,
        end=stored.end,
        self_paced=stored.self_paced,
        pass_mark=stored.pass_mark,
        has_certificate=stored.has_certificate,
        course_version=ObjectId(stored.version),
        subtree_edited_on=stored.edited_on,
        instructor_info={"instructors": stored.instructors},
    )
    course.sections = _tree(list(stored.blocks.all()))
    return course


def _tree(rows: list[StoredBlock]) -> list[Block]:
    children: dict[int | None, list[Block]] = defaultdict(list)
    blocks: dict[int, Block] = {}
    for row in rows:
        block = Block(
            usage_key=row.usage_key,
            block_type=row.block_type,
            display_name=row.display_name,
            weight=row.weight,
            staff_only=row.staff_only,
            gated=row.gated,
        )
        blocks[row.pk] = block
        children[row.parent_id].append(block)
    for parent_id, inner in children.items():
        if parent_id is not None:
            blocks[parent_id].children = inner
    return children[None]
