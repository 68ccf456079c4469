"""The progress of a large course's learners: asked of the platform one by one, and counted at once."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, queries

COURSE = f"course-v1:{world.ORG}+BIG900+2026"
COHORT_PARTITION = 100
SECTIONS, UNITS_OF_EACH = 10, 20
# As many blocks as a pass observes at a time.
CHUNK = 200
# What a real LMS takes for a course of this size: to read the structure, and to answer with it, 200 ms in all.
DELAYS = {"get_course_in_cache": 0.16, "calculate_progress_for_learner_in_course": 0.04}
ALONE = 10


def _course() -> Any:
    """900 blocks in 200 units; every tenth unit is of one cohort, every fifth has a graded problem."""
    from opaque_keys.edx.keys import CourseKey
    from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache

    from demo.learning.models import StoredBlock, StoredCourse
    from demo.learning.outlines import open_tracks

    key = CourseKey.from_string(COURSE)
    groups = [{"id": number, "name": f"group {number}"} for number in (1, 2, 3)]
    stored = StoredCourse.objects.create(
        course_key=key,
        display_name="Large",
        version="0" * 24,
        edited_on=world.BEGAN,
        user_partitions=[{"id": COHORT_PARTITION, "name": "cohorts", "scheme": "cohort", "groups": groups}],
    )
    rows: list[StoredBlock] = []

    def add(parent: Any, kind: str, name: str, **more: Any) -> StoredBlock:
        usage_key = key.make_usage_key(kind, name)
        row = StoredBlock(
            course=stored, parent=parent, usage_key=usage_key, block_type=kind, position=len(rows), **more
        )
        row.save()
        rows.append(row)
        return row

    for section in range(SECTIONS):
        chapter = add(None, "chapter", f"c{section}")
        sequential = add(chapter, "sequential", f"s{section}")
        for place in range(UNITS_OF_EACH):
            number = section * UNITS_OF_EACH + place
            only = {"group_access": {str(COHORT_PARTITION): [number // 10 % 3 + 1]}} if number % 10 == 0 else {}
            unit = add(sequential, "vertical", f"u{number}", settings=only)
            for part, kind in enumerate(("html", "video", "problem", "discussion")[: 3 + number % 2]):
                add(unit, kind, f"b{number}_{part}", gated=kind == "problem" and number % 5 == 0)
    open_tracks(key)
    update_course_in_cache(key)
    return key


def _learners(key: Any, count: int) -> list[int]:
    """Of two tracks and three cohorts, each with some of the blocks complete."""
    from common.djangoapps.student.models import CourseEnrollment
    from completion.models import BlockCompletion
    from openedx.core.djangoapps.course_groups.cohorts import add_cohort
    from openedx.core.djangoapps.course_groups.models import (
        CohortMembership,
        CourseCohortsSettings,
        CourseUserGroupPartitionGroup,
    )

    from demo.learning.models import StoredBlock

    CourseCohortsSettings.objects.create(course_id=key, is_cohorted=True)
    cohorts = [add_cohort(key, f"cohort {number}") for number in (1, 2, 3)]
    for number, cohort in enumerate(cohorts, start=1):
        link = {"course_user_group": cohort, "partition_id": COHORT_PARTITION, "group_id": number}
        CourseUserGroupPartitionGroup.objects.create(**link)
    ids = list(range(world.FIRST, world.FIRST + count))
    modes = ("audit", "verified")
    _insert(CourseEnrollment, [{"user_id": n, "course_id": key, "is_active": True, "mode": modes[n % 2]} for n in ids])
    _insert(CohortMembership, [{"user_id": n, "course_id": key, "course_user_group": cohorts[n % 3]} for n in ids])
    blocks = [one.usage_key for one in StoredBlock.objects.filter(course__course_key=key) if one.block_type == "html"]
    blocks += [one.usage_key for one in StoredBlock.objects.filter(course__course_key=key, block_type="problem")]
    draw = random.Random(24)
    done = [(n, block) for n in ids for block in draw.sample(blocks, draw.randint(1, len(blocks) // 4))]
    rows = [
        {"user_id": n, "context_key": key, "block_key": b, "block_type": b.block_type, "completion": 1.0}
        for n, b in done
    ]
    _insert(BlockCompletion, rows)
    return ids


def _insert(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    model.objects.bulk_create([model(**row) for row in rows], batch_size=2000)


def _answers(ids: Sequence[int]) -> tuple[dict[int, Any], float]:
    """What is answered in chunks as a pass does, and the seconds that it took."""
    from percipio_openedx.reporting import observed_state

    began, found = time.perf_counter(), {}
    for start in range(0, len(ids), CHUNK):
        found.update(observed_state.answers(COURSE, ids[start : start + CHUNK]).found)
    return found, time.perf_counter() - began


def at_once(quick: bool) -> Figures:
    """One by one, from nothing, with outlines remembered; and all numbers of both ways side by side."""
    from django.conf import settings
    from django.core.cache import cache

    from percipio_openedx import edx_platform

    world.forget_reports()
    ids = _learners(_course(), 200 if quick else 1000)
    users = edx_platform.users(ids)
    settings.DEMO_PLATFORM_DELAYS = DELAYS
    began = time.perf_counter()
    for user_id in ids[:ALONE]:
        edx_platform.learner_progress(COURSE, users[user_id])
    alone = (time.perf_counter() - began) / ALONE * len(ids)
    cache.clear()
    edx_platform.forget_outlines()
    _, nothing = _answers(ids)
    found, remembered = _answers(ids)
    settings.DEMO_PLATFORM_DELAYS = {}
    asked = []
    for count in (len(ids) // 10, len(ids)):
        with queries() as made:
            edx_platform.course_progress(COURSE, {user_id: users[user_id] for user_id in ids[:count]})
        asked.append(len(made))
    fresh = edx_platform.users(ids)
    same = sum(edx_platform.learner_progress(COURSE, fresh[user_id]) == found.get(user_id) for user_id in ids)
    return {
        "learners": len(ids),
        "alone": alone,
        "nothing": nothing,
        "remembered": remembered,
        "same": same,
        "queries_of_a_tenth": asked[0],
        "queries": asked[1],
    }


def lines(results: Results) -> list[Line]:
    """One line."""
    own = results["at_once", MARIADB]
    nothing, remembered = own["alone"] / own["nothing"], own["alone"] / own["remembered"]
    is_constant = own["queries"] == own["queries_of_a_tenth"]
    return [
        Line(
            f"progress of {own['learners']:.0f} learners in a course of 900 blocks",
            f"{nothing:.0f} times as fast from nothing, {remembered:.0f} times with outlines remembered; "
            f"{own['same']:.0f} numbers the same; {own['queries']:.0f} queries",
            peer=f"one by one {own['alone']:.0f} s",
            goal="15 times, 100 times, all numbers, constant queries",
            met=nothing >= 15 and remembered >= 100 and own["same"] == own["learners"] and is_constant,
        )
    ]


ROW = Row("progress", {"at_once": Case(at_once, rounds=1)}, lines)
