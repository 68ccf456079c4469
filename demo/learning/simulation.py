"""A class of learners lives through its courses; the seed decides everything that happens.

The same seed again finds the same learners and does the same acts, which then change nothing: every repeated enrolment,
grade and certificate is the platform's noise.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count

from common.djangoapps.student.models import CourseEnrollment
from django.contrib.auth.models import User
from edx_django_utils.cache import RequestCache
from opaque_keys.edx.keys import CourseKey
from xmodule.modulestore.django import modulestore

from demo.learning import acts, catalog, people
from demo.learning.course import Block, Course
from demo.learning.publishing import publish

# Units that a learner of a large course does at most, so that a class takes seconds.
MOST_UNITS = 25
LONGEST_AGO_DAYS = 60
COURSES_PER_LEARNER = 3
# What a learner does on the first day.
BLOCKS_BEFORE_NIGHT = 9
# Every eighth learner, counted from these, has a story of their own.
STORY_CYCLE = 8


class Story(StrEnum):
    """What becomes of a learner."""

    STAYS = "stays"
    LEAVES = "leaves"
    RETIRES = "retires"
    NEVER_ARRIVES = "never arrives"


STORIES = {2: Story.LEAVES, 3: Story.RETIRES, 4: Story.NEVER_ARRIVES}


@dataclass(frozen=True)
class Diligence:
    """How a learner goes about a course: the share of the units done, and of the answers that are right."""

    name: str
    progress: float
    right: float


FINISHES, PASSES = Diligence("finishes", 1.0, 1.0), Diligence("passes", 1.0, 0.75)
KINDS = (
    FINISHES,
    FINISHES,
    PASSES,
    PASSES,
    Diligence("fails", 1.0, 0.25),
    Diligence("is halfway", 0.5, 1.0),
    Diligence("has begun", 0.15, 1.0),
    Diligence("only enrolled", 0.0, 0.0),
)
MODES = ("audit", "honor", "honor", "verified")


@dataclass
class Report:
    """What happened: numbers of acts by name, and who took which course how."""

    acts: Counter[str] = field(default_factory=Counter)
    paths: list[tuple[str, str, str]] = field(default_factory=list)


def simulate(learners: int, courses: int, seed: int, step: Callable[[], object] = lambda: None) -> Report:
    """Let `learners` learners live through `courses` courses; `step` is called after each learner.

    Needs the completion switch (`setup_demo`). Runs in the caller's process, without a worker.
    """
    keys = [publish(plan) for plan in catalog.plans(courses)]
    report = Report()
    for number in range(1, learners + 1):
        _live(seed, number, keys, report)
        RequestCache.clear_all_namespaces()
        step()
    _staff_looks_around(people.get_staff(seed), keys[0], report)
    return report


def chosen_courses(seed: int, number: int, keys: list[CourseKey]) -> list[CourseKey]:
    """The courses of a learner: one in turn, so that none stays empty, and up to two more."""
    dice = random.Random(f"{seed}:{number}")
    first = keys[(number - 1) % len(keys)]
    others = [key for key in keys if key != first]
    more = dice.randint(0, min(COURSES_PER_LEARNER - 1, len(others)))
    return [first, *dice.sample(others, more)]


def _live(seed: int, number: int, keys: list[CourseKey], report: Report) -> None:
    user = people.get_learner(seed, number)
    if user is None:
        report.acts["retired before"] += 1
        return
    story = STORIES.get(number % STORY_CYCLE, Story.STAYS)
    for key in chosen_courses(seed, number, keys):
        _take(user, key, story, random.Random(f"{seed}:{number}:{key}"), report)
    if story is Story.RETIRES:
        acts.retire(user)
        report.acts["retired"] += 1


def _take(user: User, key: CourseKey, story: Story, dice: random.Random, report: Report) -> None:
    if story is Story.NEVER_ARRIVES:
        acts.enroll_in_vain(user, key)
        report.acts["rolled back"] += 1
        return
    if CourseEnrollment.objects.filter(user=user, course_id=key, is_active=False).exists():
        report.acts["left before"] += 1
        return
    # All dice are thrown here, in one order, so that a path never depends on what the database has.
    kind, mode, days = dice.choice(KINDS), dice.choice(MODES), dice.randint(1, LONGEST_AGO_DAYS)
    noise = dice.random()
    enrollment = acts.enroll(user, key, mode, days)
    report.acts["enrolled"] += 1
    report.paths.append((user.username, str(key), "leaves" if story is Story.LEAVES else kind.name))
    pace = _pace(random.Random(f"{user.username}:{key}:pace"), enrollment.created, has_night=days > 1)
    _study(user, modulestore().get_course(key), kind, mode, pace, report)
    if noise < 0.2:
        acts.unenroll(user, key)
    if noise < 0.4:
        acts.enroll(user, key, mode, days)
        report.acts["came back" if noise < 0.2 else "enrolled again"] += 1
    if story is Story.LEAVES:
        acts.unenroll(user, key)
        report.acts["left"] += 1


def _pace(dice: random.Random, enrolled: datetime, has_night: bool) -> Iterator[datetime]:
    """When a learner is done with one block after the other: minutes for each, and a night after the first ones.

    All of it is over a day after the enrollment, or two with a night, however large the course is.
    """
    moment = enrolled + timedelta(minutes=dice.randint(5, 50))
    for number in count(1):
        yield moment
        moment += timedelta(hours=14 if has_night and number == BLOCKS_BEFORE_NIGHT else 0, minutes=dice.randint(3, 11))


def _study(user: User, course: Course, kind: Diligence, mode: str, pace: Iterator[datetime], report: Report) -> None:
    open_units = [unit for unit in course.units() if not (unit.gated and mode == "audit")][:MOST_UNITS]
    todo = open_units[: round(len(open_units) * kind.progress)]
    problems = list(_problems(todo))
    right = {block.usage_key for block in problems[: round(len(problems) * kind.right)]}
    for unit in todo:
        for block in unit.counted_blocks():
            if block.weight > 0:
                acts.answer(user, course.id, block.usage_key, float(block.usage_key in right), next(pace))
            else:
                acts.complete(user, block.usage_key, next(pace))
            report.acts["completed a block"] += 1
    if problems:
        # Twice: the platform grades again for reasons of its own, and says again that the learner passed.
        passed = acts.grade(user, course.id, times=2, at=next(pace))
        report.acts["passed" if passed else "did not pass"] += 1
        report.acts["certified"] += acts.certify(user, course.id)


def _problems(units: list[Block]) -> Iterator[Block]:
    for unit in units:
        yield from (block for block in unit.counted_blocks() if block.weight > 0)


def _staff_looks_around(user: User, key: CourseKey, report: Report) -> None:
    for unit in modulestore().get_course(key).units()[:2]:
        for block in unit.counted_blocks():
            acts.complete(user, block.usage_key)
            report.acts["staff looked at a block"] += 1
