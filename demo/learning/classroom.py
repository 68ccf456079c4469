"""The learners of the class page, one in a course each, and what its buttons let them do.

They are nobody of the simulation. Whatever they do is done now, and takes its time all the same: what they did before
moves back by some minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from completion.models import BlockCompletion
from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.grades.course_grade_factory import CourseGradeFactory
from opaque_keys.edx.keys import UsageKey
from xmodule.modulestore.django import modulestore

from demo.learning import acts, catalog, destinations, people
from demo.learning.course import Block, Course
from demo.learning.plans import CoursePlan

# The seed of nobody else's username.
SEED = 0
ENROLLED_DAYS_AGO = 3
# By the learner's number, which decides whose employee it is: where the course is on the second site, its account.
PLANS: dict[int, CoursePlan] = {
    1: catalog.DATA,
    2: catalog.SAFETY,
    3: catalog.ARABIC,
    4: catalog.JAPANESE,
    5: catalog.BICYCLES,
}


class Act(StrEnum):
    """What a learner can be let do."""

    UNIT = "unit"
    PASS = "pass"
    CERTIFICATE = "certificate"


@dataclass(frozen=True)
class Seat:
    """A learner in a course, as the LMS has it now."""

    number: int
    user: User
    course: Course

    @property
    def region(self) -> str:
        """Where what is said of the learner arrives."""
        is_on_campus = PLANS[self.number] in (catalog.ARABIC, catalog.JAPANESE)
        return destinations.region_of(people.customer_of(self.number) if is_on_campus else "")

    @cached_property
    def done(self) -> set[UsageKey]:
        """The blocks that the learner has completed."""
        rows = BlockCompletion.objects.filter(user=self.user, context_key=self.course.id, completion=1.0)
        return {key.map_into_course(self.course.id) for key in rows.values_list("block_key", flat=True)}

    def todo(self, unit: Block) -> list[Block]:
        """What of a unit is left."""
        return [block for block in unit.counted_blocks() if block.usage_key not in self.done]

    @property
    def units_done(self) -> int:
        """How many units of the course are done."""
        return sum(not self.todo(unit) for unit in self.course.units())

    @property
    def has_passed(self) -> bool:
        """Whether the learner has a passing grade."""
        return bool(CourseGradeFactory().read(self.user, course_key=self.course.id).passed)

    @property
    def has_certificate(self) -> bool:
        """Whether the learner has a certificate."""
        return GeneratedCertificate.certificate_for_student(self.user, self.course.id) is not None

    def obstacle(self, act: Act) -> str:
        """Why the learner cannot do that now; empty where nothing is in the way."""
        if act is Act.UNIT:
            return "" if self.units_done < len(self.course.units()) else "all units done"
        if act is Act.PASS:
            if not self.course.graded_blocks():
                return "nothing graded"
            return "passed" if self.has_passed else ""
        if not self.course.has_certificate:
            return "no certificate"
        if self.has_certificate:
            return "has the certificate"
        return "" if self.has_passed else "a certificate after passing"

    def perform(self, act: Act) -> None:
        """Let the learner do it. Nothing may be in the way."""
        if act is Act.CERTIFICATE:
            acts.certify(self.user, self.course.id)
            return
        left = [block for unit in self.course.units() for block in self.todo(unit)]
        if act is Act.UNIT:
            left = next(todo for unit in self.course.units() if (todo := self.todo(unit)))
        elif act is Act.PASS:
            left = [block for block in left if block.weight > 0]
        self._study(left)

    def _study(self, blocks: Iterable[Block]) -> None:
        earlier = BlockCompletion.objects.filter(user=self.user, context_key=self.course.id)
        is_graded = False
        for block in blocks:
            pause = timedelta(minutes=4 + earlier.count() % 5)
            with transaction.atomic():
                earlier.update(created=F("created") - pause, modified=F("modified") - pause)
                if block.weight > 0:
                    is_graded = True
                    acts.answer(self.user, self.course.id, block.usage_key, 1.0)
                else:
                    acts.complete(self.user, block.usage_key)
        if is_graded:
            acts.grade(self.user, self.course.id)


def open_class() -> None:
    """Enroll the learners, unless they are, and let the second site wait for certificates.

    So each button changes something: elsewhere whoever has passed has completed.
    """
    configuration = apps.get_model("percipio_openedx", "PercipioConfiguration")
    if not configuration.objects.filter(site_id=destinations.CAMPUS).exists():
        configuration.objects.create(site_id=destinations.CAMPUS, enabled=True, completed_on="certificate")
    for number, plan in PLANS.items():
        if user := people.get_learner(SEED, number):
            acts.enroll(user, plan.course_key, "verified", ENROLLED_DAYS_AGO)


def seats() -> list[Seat]:
    """The learners of the page; none before the class is opened."""
    users = User.objects.in_bulk([people.username_of(SEED, number) for number in PLANS], field_name="username")
    found = ((number, users.get(people.username_of(SEED, number)), plan) for number, plan in PLANS.items())
    return [Seat(number, user, modulestore().get_course(plan.course_key)) for number, user, plan in found if user]
