"""What a course is made of, as an author would write it down."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opaque_keys.edx.keys import CourseKey


@dataclass(frozen=True)
class BlockPlan:
    """A text, a video or a problem; only a problem with a weight counts for the grade."""

    block_type: str
    name: str
    weight: float = 0.0


@dataclass(frozen=True)
class UnitPlan:
    """A page of the course: what progress is counted in."""

    name: str
    blocks: tuple[BlockPlan, ...]
    gated: bool = False
    staff_only: bool = False


@dataclass(frozen=True)
class SectionPlan:
    """A section with one subsection."""

    name: str
    units: tuple[UnitPlan, ...]


@dataclass(frozen=True)
class CoursePlan:
    """A course run."""

    key: str
    name: str
    sections: tuple[SectionPlan, ...]
    language: str = "en"
    description: str = ""
    overview: str = ""
    effort: str = ""
    instructors: tuple[str, ...] = ()
    pass_mark: float = 0.5
    has_certificate: bool = False
    self_paced: bool = False
    start: datetime = field(default=datetime(2026, 1, 5, 8, 0, tzinfo=UTC))

    @property
    def course_key(self) -> CourseKey:
        """The key object."""
        return CourseKey.from_string(self.key)

    @property
    def version(self) -> str:
        """24 hexadecimal digits that change when anything in the plan does."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:24]

    @property
    def about(self) -> dict[str, str]:
        """The about attributes that are written."""
        written = {"short_description": self.description, "overview": self.overview, "effort": self.effort}
        return {name: text for name, text in written.items() if text}
