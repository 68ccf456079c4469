"""Puts a planned course into the course store."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from demo.learning.faults import is_lagging, outline_lags
from demo.learning.models import StoredBlock, StoredCourse
from demo.learning.outlines import open_tracks
from demo.learning.plans import CoursePlan, SectionPlan, UnitPlan


@dataclass
class _Draft:
    """A block that has no row yet."""

    block_type: str
    name: str
    parent: str | None
    weight: float = 0.0
    gated: bool = False
    staff_only: bool = False


def publish(plan: CoursePlan) -> CourseKey:
    """Store a course and its overview; a plan that is stored already changes nothing."""
    key = plan.course_key
    if StoredCourse.objects.filter(course_key=key, version=plan.version).exists():
        return key
    with transaction.atomic(), outline_lags():
        course, _created = StoredCourse.objects.update_or_create(
            course_key=key,
            defaults={
                "display_name": plan.name,
                "language": plan.language,
                "about": plan.about,
                "instructors": [{"name": name} for name in plan.instructors],
                "start": plan.start,
                "self_paced": plan.self_paced,
                "pass_mark": plan.pass_mark,
                "has_certificate": plan.has_certificate,
                "version": plan.version,
                "edited_on": timezone.now(),
            },
        )
        course.blocks.all().delete()
        _store_blocks(course, plan)
        CourseOverview.load_from_module_store(key)
    if not is_lagging():
        open_tracks(key)
        update_course_in_cache(key)
    return key


def _store_blocks(course: StoredCourse, plan: CoursePlan) -> None:
    rows: dict[str, StoredBlock] = {}
    for level in _levels(plan):
        made = [
            StoredBlock(
                course=course,
                usage_key=plan.course_key.make_usage_key(draft.block_type, name),
                parent=rows[draft.parent] if draft.parent else None,
                position=position,
                block_type=draft.block_type,
                display_name=draft.name,
                weight=draft.weight,
                gated=draft.gated,
                staff_only=draft.staff_only,
            )
            for position, (name, draft) in enumerate(level.items())
        ]
        StoredBlock.objects.bulk_create(made)
        # Not every database hands out the new ids.
        keys = [block.usage_key for block in made]
        rows = {block.usage_key.block_id: block for block in StoredBlock.objects.filter(usage_key__in=keys)}


def _levels(plan: CoursePlan) -> list[dict[str, _Draft]]:
    """The blocks by name: sections, subsections, units, and what the units hold."""
    levels: list[dict[str, _Draft]] = [{}, {}, {}, {}]
    for number, section in enumerate(plan.sections, start=1):
        levels[0][f"chapter{number}"] = _Draft("chapter", section.name, None)
        levels[1][f"sequential{number}"] = _Draft("sequential", section.name, f"chapter{number}")
        _add_units(levels, number, section)
    return levels


def _add_units(levels: list[dict[str, _Draft]], number: int, section: SectionPlan) -> None:
    for place, unit in enumerate(section.units, start=1):
        name = f"vertical{number}_{place}"
        levels[2][name] = _Draft(
            "vertical", unit.name, f"sequential{number}", gated=unit.gated, staff_only=unit.staff_only
        )
        _add_blocks(levels[3], name, f"{number}{place}", unit)


def _add_blocks(level: dict[str, _Draft], parent: str, prefix: str, unit: UnitPlan) -> None:
    several = len(unit.blocks) > 1
    for place, block in enumerate(unit.blocks, start=1):
        name = f"{block.block_type}{prefix}{place if several else ''}"
        level[name] = _Draft(block.block_type, block.name, parent, weight=block.weight)
