"""Poison on the way in: a signal's receiver, what the platform is asked, naming, building."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest import mock

from django.test import override_settings
from openedx_filters import PipelineStep

from demo.learning.faults import EVERY, Fault, broken
from percipio_openedx.capture import notices
from percipio_openedx.reporting import identity
from tests.integration.builders import one_by_one
from tests.poison.database import refusing
from tests.poison.errors import TEXTS
from tests.poison.model import ERRORS, Drawn, Poison, Sight, tenth
from tests.poison.values import Column
from tests.poison.world import PROGRESSED, STARTED, World
from tests.unit.statements.cases import VERB_FILTER

COURSE_READS = ("CourseOverview.get_from_id", "modulestore.get_course", "graded_subsections_for_course_id", EVERY)
LEARNER_READS = (
    "auth_user",
    "student_courseenrollment",
    "completion_blockcompletion",
    "grades_persistentcoursegrade",
    "certificates_generatedcertificate",
    "social_auth_usersocialauth",
    "user_api_userretirementstatus",
)
# A release that has no such table: not a failure.
LACKING = tuple(name for name, error in ERRORS.items() if isinstance(error, ImportError))


def at_the_receiver(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """The notice of a learner's act cannot be written."""
    for user_id in tenth(list(world.learners), rng):
        name, error = drawn.error(rng)
        yield Poison(
            f"the notices of {user_id}: {name}",
            world.pairs_of(user_id),
            lambda user_id=user_id, error=error: refusing("INSERT", "percipio_openedx_notice", str(user_id), error),
            Sight.LOGGED,
            log="capture failed",
        )


def odd_signals(rng: Random, drawn: Drawn) -> None:
    """Signals that carry what no signal should: nothing may be raised."""

    class Odd:
        def __getattr__(self, _: str) -> Any:
            raise drawn.error(rng)[1]

        def __str__(self) -> str:
            raise drawn.error(rng)[1]

    for text in rng.sample(list(TEXTS.values()), 5):
        for user_id in (text, 2**70, -1, None, float("nan"), b"7", [], Odd()):
            notices.passed_first_time(user_id=user_id, course_id=text or "-")
    notices.passed_first_time(user_id=99, course_id=Odd())
    for receiver in (notices.enrollment_created, notices.grade_changed, notices.certificate_created):
        receiver(enrollment=Odd(), grade=Odd(), certificate=Odd())
        receiver()
    notices.block_completed(instance=Odd())
    notices.sso_link_saved(instance=None)


def at_a_course(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A course run that the platform cannot read."""
    for key in tenth(world.keys, rng):
        name, error = drawn.error(rng)
        fault = Fault(error, rng.choice(COURSE_READS), course_key=key)
        yield Poison(
            f"{fault.function} of {key}: {name}",
            frozenset(pair for pair in world.expected if pair.course_key == key),
            lambda fault=fault: broken(fault),
            Sight.SET_ASIDE,
        )


def at_a_learner(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner whose row in one of the platform's tables breaks the query of whoever reads it."""
    for user_id in tenth(list(world.learners), rng):
        name, error = drawn.error(rng)
        table = rng.choice(LEARNER_READS)
        yield Poison(
            f"{table} of {user_id}: {name}",
            world.pairs_of(user_id),
            lambda user_id=user_id, error=error, table=table: refusing("SELECT", table, str(user_id), error),
            Sight.SET_ASIDE,
        )


def at_an_outline(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """The collected outline of a course run cannot be read: nobody's progress there can be had, all else is told."""
    for key in tenth(world.keys, rng):
        name, error = drawn.error(rng, LACKING)
        root = f"{key.replace('course-v1:', 'block-v1:')}+type@course+block@course"
        yield Poison(
            f"the outline of {key}: {name}",
            frozenset(pair for pair, verbs in world.expected.items() if pair.course_key == key and verbs == PROGRESSED),
            lambda root=root, error=error: refusing("SELECT", "block_structure", root, error),
            Sight.SET_ASIDE,
            STARTED,
        )


@contextmanager
def _asked_and_broken(fault: Fault) -> Iterator[None]:
    """The platform is asked, where it would be enough to count."""
    with one_by_one(), broken(fault):
        yield


def at_the_progress(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner whose progress the platform cannot count; all else of theirs is told."""
    for pair in tenth([pair for pair, verbs in world.expected.items() if verbs == PROGRESSED], rng):
        name, error = drawn.error(rng)
        fault = Fault(error, course_key=pair.course_key, user_id=pair.user_id)
        yield Poison(
            f"the progress of {pair}: {name}",
            frozenset([pair]),
            lambda fault=fault: _asked_and_broken(fault),
            Sight.SET_ASIDE,
            STARTED,
        )


def at_a_name(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner who cannot be named."""
    for user_id in tenth(list(world.learners), rng):
        name, error = drawn.error(rng)
        yield Poison(
            f"naming {user_id}: {name}",
            world.pairs_of(user_id),
            lambda user_id=user_id, error=error: _unnamed(user_id, error),
            Sight.HELD,
        )


@contextmanager
def _unnamed(user_id: int, error: Exception) -> Iterator[None]:
    identify = identity.identify

    def named(learner: Any, configuration: Any) -> Any:
        if learner.user_id == user_id:
            raise error
        return identify(learner, configuration)

    with mock.patch.object(identity, "identify", named):
        yield


class Stumbling(PipelineStep):
    """A site's filter step that stumbles over some learners, by their addresses."""

    over: dict[str, Exception] = {}

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        """Raise, or leave it as it is."""
        said = str(transformer.event["data"]["learner"])
        for email, error in self.over.items():
            if email in said:
                raise error
        return {"result": result}


def at_a_statement(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner over whom a site's filter step stumbles."""
    for user_id in tenth(list(world.learners), rng):
        name, error = drawn.error(rng)
        yield Poison(
            f"a filter step at {user_id}: {name}",
            world.pairs_of(user_id),
            lambda user_id=user_id, error=error: _stumbling(world.learners[user_id].email, error),
            Sight.HELD,
        )


@contextmanager
def _stumbling(email: str, error: Exception) -> Iterator[None]:
    steps = {VERB_FILTER: {"pipeline": [f"{__name__}.{Stumbling.__name__}"], "fail_silently": False}}
    with (
        override_settings(OPEN_EDX_FILTERS_CONFIG=steps),
        mock.patch.dict(Stumbling.over, {email: error}),
    ):
        yield


def at_a_value(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """What the platform's rows say of a learner, of their work, or of a course run, in any form that a column takes."""
    for pair in tenth(list(world.expected), rng):
        column: Column = drawn.columns.draw(rng)
        value = column.draw(rng)
        yield Poison(
            f"{column} of {pair}: {value!a:.60}",
            frozenset(one for one in world.expected if column.is_about(one, pair)),
            lambda column=column, pair=pair, value=value: column.holding(pair, value),
            Sight.ANYWHERE,
            may_arrive=True,
            changes_observed=True,
        )
