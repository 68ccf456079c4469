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
from xblock.core import XBlock
from xblock.plugin import PluginMissingError
from xmodule.partitions.partitions import UserPartition

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
    settings: dict[str, Any] = field(default_factory=dict)
    children: list[Block] = field(default_factory=list)
    # The course's, which an experiment's block looks its own up in.
    partitions: list[UserPartition] = field(default_factory=list)
    group_access: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        access = self.settings.get("group_access", {})
        self.group_access = {int(partition): groups for partition, groups in access.items()}

    @property
    def visible_to_staff_only(self) -> bool:
        """Hidden from learners."""
        return self.staff_only

    @property
    def graded(self) -> bool:
        """Whether gating asks about it."""
        return self.gated

    @property
    def has_score(self) -> bool:
        """Whether it has points."""
        return self.gated or self.weight > 0

    @property
    def completion_mode(self) -> str | None:
        """How it becomes complete, where it says so: a text, a problem and many others do not, and are completable."""
        if "completion_mode" in self.settings:
            return str(self.settings["completion_mode"])
        try:
            return getattr(XBlock.load_class(self.block_type), "completion_mode", None)
        except PluginMissingError:
            return None

    @property
    def max_count(self) -> int | None:
        """How many of its children a bank gives to each learner, all of them below zero."""
        return self.settings.get("max_count", -1)

    @property
    def user_partition_id(self) -> int | None:
        """The partition of an experiment."""
        return self.settings.get("user_partition_id")

    @property
    def group_id_to_child(self) -> dict[str, str]:
        """The child's id of each group of an experiment."""
        return dict(self.settings.get("group_id_to_child", {}))

    def field(self, name: str) -> Any:
        """A field as the platform collects it; there `weight` counts only where the author has set one."""
        return self.settings.get("weight") if name == "weight" else getattr(self, name, None)

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
    user_partitions: list[dict[str, Any]] = field(default_factory=list)
    sections: list[Block] = field(default_factory=list)

    @property
    def location(self) -> UsageKey:
        """The key of the course's own block."""
        return self.id.make_usage_key("course", "course")

    @property
    def block(self) -> Block:
        """The course as the root of its blocks."""
        root = Block(self.location, "course", self.display_name, 0.0, False, False, children=self.sections)
        partitions = [UserPartition.from_json(value) for value in self.user_partitions]
        for block in root.walk():
            block.partitions = partitions
        return root

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
        user_partitions=stored.user_partitions,
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
            settings=row.settings,
        )
        blocks[row.pk] = block
        children[row.parent_id].append(block)
    for parent_id, inner in children.items():
        if parent_id is not None:
            blocks[parent_id].children = inner
    return children[None]
