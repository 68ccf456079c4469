"""The progress of many learners: asked of the platform one by one, counted at once, and in a back-fill."""

from __future__ import annotations

import random
import resource
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, queries

COURSE = f"course-v1:{world.ORG}+BIG900+2026"
COHORT_PARTITION = 100
# Of the large course, and of each of the many: 900 blocks, and 95.
SECTIONS, UNITS_OF_EACH = 10, 20
SECTIONS_OF_MANY, UNITS_OF_MANY = 3, 7
COURSES, LEARNERS = 20, 1000
MILLION = 1_000_000
# As many blocks as a pass observes at a time.
CHUNK = 200
# What a real LMS takes for a course of this size: to read the structure, and to answer with it, 200 ms in all.
DELAYS = {"get_course_in_cache": 0.16, "calculate_progress_for_learner_in_course": 0.04}
# 50 ms in all, and what it takes for 17 blocks.
DELAYS_OF_MANY = {"get_course_in_cache": 0.03, "calculate_progress_for_learner_in_course": 0.02}
DELAYS_OF_SMALL = {"get_course_in_cache": 0.005, "calculate_progress_for_learner_in_course": 0.005}
ALONE = 10


def _course(course_key: str, sections: int, units: int) -> Any:
    """A course of so many units; every tenth is of one cohort, every fifth has a problem for paid enrollments."""
    from opaque_keys.edx.keys import CourseKey
    from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache

    from demo.learning.models import StoredBlock, StoredCourse
    from demo.learning.outlines import open_tracks

    key = CourseKey.from_string(course_key)
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

    for section in range(sections):
        chapter = add(None, "chapter", f"c{section}")
        sequential = add(chapter, "sequential", f"s{section}")
        for place in range(units):
            number = section * units + place
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
    blocks: dict[Any, list[Any]] = {}
    leaves = StoredBlock.objects.filter(course__course_key=key, block_type__in=("html", "video", "problem"))
    for parent, usage_key in leaves.values_list("parent", "usage_key"):
        blocks.setdefault(parent, []).append(usage_key)
    draw = random.Random(24)
    # Whole units, and the beginnings of some others.
    done = []
    for n in ids:
        for number, unit in enumerate(draw.sample(list(blocks), draw.randint(1, len(blocks) // 3))):
            done += [(n, block) for block in (blocks[unit] if number % 4 else blocks[unit][:2])]
    rows = [
        {"user_id": n, "context_key": key, "block_key": b, "block_type": b.block_type, "completion": 1.0}
        for n, b in done
    ]
    _insert(BlockCompletion, rows)
    return ids


def _insert(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    model.objects.bulk_create([model(**row) for row in rows], batch_size=2000)


def _answers(ids: Sequence[int]) -> dict[int, Any]:
    """What is answered, in chunks as a pass does."""
    from percipio_openedx.reporting import course_progress

    found = {}
    for start in range(0, len(ids), CHUNK):
        found.update(course_progress.answers(COURSE, ids[start : start + CHUNK]).found)
    return found


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it returns, its seconds and those of the processor."""
    began, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - began, time.process_time() - cpu


def at_once(quick: bool) -> Figures:
    """One by one, from nothing, with outlines remembered; and all numbers of both ways side by side."""
    from django.conf import settings
    from django.core.cache import cache

    from percipio_openedx import edx_platform

    world.forget_reports()
    ids = _learners(_course(COURSE, SECTIONS, UNITS_OF_EACH), 200 if quick else LEARNERS)
    users = edx_platform.users(ids)
    settings.DEMO_PLATFORM_DELAYS = DELAYS
    _, alone, alone_cpu = _timed(lambda: [edx_platform.learner_progress(COURSE, users[one]) for one in ids[:ALONE]])
    cache.clear()
    edx_platform.forget_outlines()
    _, nothing, nothing_cpu = _timed(lambda: _answers(ids))
    found, remembered, remembered_cpu = _timed(lambda: _answers(ids))
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
        "alone": alone / ALONE * len(ids),
        "alone_cpu": alone_cpu / ALONE * len(ids),
        "nothing": nothing,
        "nothing_cpu": nothing_cpu,
        "remembered": remembered,
        "remembered_cpu": remembered_cpu,
        "same": same,
        "queries_of_a_tenth": asked[0],
        "queries": asked[1],
    }


def one(quick: bool) -> Figures:
    """A learner who completes a unit: asked of the platform as before, and through all that is new for many.

    ``alone`` nobody else did anything in the course run within ten minutes, ``shared`` others did. Milliseconds of the
    processor and of waiting for the platform, so that what else runs here counts for little.
    """
    from django.conf import settings
    from django.core.cache import cache

    from percipio_openedx import edx_platform
    from percipio_openedx.reporting import course_progress, progress

    large = f"course-v1:{world.ORG}+ONE900+2026"
    ids = _learners(_course(large, SECTIONS, UNITS_OF_EACH), 5 if quick else 20)
    found: Figures = {}
    for size, course_key, delays in (("large", large, DELAYS), ("small", world.COURSE, DELAYS_OF_SMALL)):
        settings.DEMO_PLATFORM_DELAYS = delays
        times: dict[str, list[float]] = {"asked": [], "alone": [], "shared": []}

        def ask(user_id: int, course_key: str = course_key) -> None:
            edx_platform.outline_version(course_key)
            edx_platform.learner_progress(course_key, edx_platform.users([user_id])[user_id])

        def observe(user_id: int, course_key: str = course_key) -> None:
            # As `reporting.progress` decides it for somebody who did something.
            is_read = edx_platform.is_counted(course_key, 1)
            state = progress.course_state(course_key, [user_id]) if is_read else None
            course_progress.answers(course_key, [user_id], state=state)

        for user_id in ids:
            # What is known of the course stays; that others did something lately does not.
            cache.clear()
            edx_platform.forget_outlines()
            progress.course_state(course_key, ids[:1])
            for name, work in (("asked", ask), ("alone", observe)):
                times[name].append(_timed(lambda work=work, user_id=user_id: work(user_id))[2])  # type: ignore[misc]
        course_progress.answers(course_key, ids)
        for user_id in ids:
            times["shared"].append(_timed(lambda user_id=user_id: observe(user_id))[2])  # type: ignore[misc]
        waits = {"asked": sum(delays.values()), "alone": sum(delays.values()), "shared": 0.0}
        found |= {f"{size}_{name}": (statistics.median(each) + waits[name]) * 1000 for name, each in times.items()}
    return found


def many_courses(quick: bool) -> Figures:
    """A back-fill of courses with learners in the middle of them, stopped half-way and taken up again."""
    from django.conf import settings
    from django.core.cache import cache

    from demo.learning.costs import CALLS
    from percipio_openedx import edx_platform
    from percipio_openedx.models import Statement
    from percipio_openedx.operations.backfill import Backfill, begin, unfinished
    from percipio_openedx.operations.scope import Scope

    world.forget_reports()
    courses, learners = (2, 200) if quick else (COURSES, LEARNERS)
    keys = [f"course-v1:{world.ORG}+MANY{number}+2026" for number in range(courses)]
    for course_key in keys:
        _learners(_course(course_key, SECTIONS_OF_MANY, UNITS_OF_MANY), learners)
    cache.clear()
    edx_platform.forget_outlines()
    size, scope, stop, observed = courses * learners, Scope(course_keys=tuple(keys)), threading.Event(), 0
    memory: list[float] = []

    def note(count: int) -> None:
        nonlocal observed
        observed += count
        # After a tenth all is loaded; then it may not grow.
        if len(memory) < observed * 10 // size:
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        if observed * 2 >= size:
            stop.set()

    CALLS.clear()
    settings.DEMO_PLATFORM_DELAYS = DELAYS_OF_MANY
    run = begin(scope)
    _, first, first_cpu = _timed(Backfill(scope, run, stop, on_walked=note).work)
    rest = unfinished(scope)
    if rest is None or rest.pk != run.pk:
        raise AssertionError("it did not stop half-way")
    _, second, second_cpu = _timed(Backfill(scope, rest, threading.Event(), on_walked=note).work)
    settings.DEMO_PLATFORM_DELAYS = {}
    told = Statement.objects.filter(kind="progressed").count()
    if (rest.observed, observed) != (size, size) or not told:
        raise AssertionError(f"observed={rest.observed}, {observed} of {size}; progress of {told}")
    return {
        "size": size,
        "courses": courses,
        "seconds": first + second,
        "cpu": first_cpu + second_cpu,
        "asked": CALLS["calculate_progress_for_learner_in_course"],
        "statements": rest.statements,
        "memory": memory[0],
        "memory_at_the_end": memory[-1],
    }


def lines(results: Results) -> list[Line]:
    """One line for each."""
    own, alone, many = (results[name, MARIADB] for name in ("at_once", "one", "many_courses"))
    nothing, remembered = own["alone"] / own["nothing"], own["alone"] / own["remembered"]
    is_constant = own["queries"] == own["queries_of_a_tenth"]
    # On a machine of its own; the seconds by the clock are those of whatever else runs here, too.
    busy = many["cpu"] + many["asked"] * sum(DELAYS_OF_MANY.values())
    hours, by_the_clock = (one / many["size"] * MILLION / 3600 for one in (busy, many["seconds"]))
    return [
        Line(
            f"progress of {own['learners']:.0f} learners in a course of 900 blocks",
            f"{nothing:.0f} times as fast from nothing ({own['nothing']:.1f} s, {own['nothing_cpu']:.1f} of the "
            f"processor), {remembered:.0f} times with outlines remembered ({own['remembered']:.1f}, "
            f"{own['remembered_cpu']:.1f}); {own['same']:.0f} numbers the same; {own['queries']:.0f} queries",
            peer=f"one by one {own['alone']:.0f} s, {own['alone_cpu']:.0f} of the processor",
            goal="15 times, 100 times, all numbers, constant queries",
            met=nothing >= 15 and remembered >= 100 and own["same"] == own["learners"] and is_constant,
        ),
        Line(
            "progress of one learner, 900 blocks",
            f"{alone['large_alone']:.0f} ms alone, {alone['large_shared']:.0f} ms with others",
            peer=f"{alone['large_asked']:.0f} ms",
            goal="no slower (a tenth is noise)",
            met=max(alone["large_alone"], alone["large_shared"]) <= alone["large_asked"] * 1.1,
        ),
        Line(
            "progress of one learner, 22 blocks",
            f"{alone['small_alone']:.0f} ms alone, {alone['small_shared']:.0f} ms with others",
            peer=f"{alone['small_asked']:.0f} ms",
        ),
        Line(
            f"back-fill of {many['size']:.0f} learners in {many['courses']:.0f} courses, 50 ms an answer",
            f"{hours:.2f} h for a million ({by_the_clock:.2f} by the clock); {many['asked']:.0f} answers, "
            f"{many['statements']:.0f} statements; {many['memory']:.0f} MB after a tenth, "
            f"{many['memory_at_the_end']:.0f} at the end",
            peer=f"one by one {0.05 * MILLION / 3600:.0f} h",
            goal="under 2 h, constant memory",
            met=hours < 2 and many["memory_at_the_end"] < many["memory"] * 1.1,
        ),
    ]


CASES = {
    name: Case(call, rounds=1) for name, call in (("at_once", at_once), ("one", one), ("many_courses", many_courses))
}
ROW = Row("progress", CASES, lines)
