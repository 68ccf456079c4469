"""What is poisoned, where, and with what: for each place a function that draws a tenth of the items."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any
from unittest import mock

from django.db import connection
from django.test import override_settings
from openedx_filters import PipelineStep
from urllib3.connectionpool import HTTPConnectionPool

from demo.learning.faults import EVERY, Fault, broken
from percipio_openedx import identity
from percipio_openedx.capture import receivers
from percipio_openedx.statements.transformers import VERB_FILTER
from tests.poison.answers import SHAPES, TOKENS
from tests.poison.errors import CANARY, TEXTS, errors
from tests.poison.values import COLUMNS, Column
from tests.poison.world import FIRST_DESTINATION, PROGRESSED, STARTED, Pair, World

ERRORS = errors()
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
TOKENS_IN_A_RUN = 5
# By which the platform answers that the course is gone; then there is no progress to be told.
GONE = "xmodule.modulestore.exceptions.ItemNotFoundError"


class Place(StrEnum):
    """Where poison comes in; the six boundaries of the design, some of them at several items."""

    RECEIVER = "a signal's receiver"
    COURSE = "reading a course run"
    LEARNER = "reading a learner"
    OUTLINE = "reading an outline"
    PROGRESS = "reading a learner's progress"
    NAME = "naming a learner"
    STATEMENT = "building a statement"
    ROW = "writing rows"
    FAILURE_ROW = "writing down what failed"
    ANSWER = "the answer of Percipio"
    REQUEST = "a request to Percipio"
    DESTINATION = "a destination"
    TOKEN = "the answer of a token endpoint"
    VALUE = "a value of the platform's"
    STEP = "a part of a pass"


class Sight(StrEnum):
    """Where an operator sees it."""

    SET_ASIDE = "among the observations that failed"
    HELD = "held back with a reason"
    ANSWERED = "the statement, with its answer"
    FAILING = "the destination, with its last error"
    LOGGED = "in the log"
    ANYWHERE = "in one of these places, if nothing arrives"


@dataclass
class Poison:
    """One poisoned item.

    Arguments:
        name: what is poisoned, and with what.
        pairs: who is hurt by it.
        on: poisons for as long as the context lasts.
        sight: where it has to be seen.
        least: what of each of them arrives all the same.
        may_arrive: whether the others of their statements may arrive as well.
        changes_truth: whether something else may be true of them then, so that something else may be told.
        log: what the line in the log begins with, where it is seen there.
    """

    name: str
    pairs: frozenset[Pair]
    on: Callable[[], AbstractContextManager[Any]]
    sight: Sight
    least: list[str] = field(default_factory=list)
    may_arrive: bool = False
    changes_truth: bool = False
    log: str = ""


class Cycle:
    """Draws without repeating anything before everything was drawn, so that a long run leaves nothing out."""

    def __init__(self, things: Sequence[Any]) -> None:
        self._things = list(things)
        self._left: list[Any] = []
        self.drawn: set[Any] = set()

    def draw(self, rng: Random) -> Any:
        """The next one."""
        if not self._left:
            self._left = rng.sample(self._things, len(self._things))
        drawn = self._left.pop()
        self.drawn.add(drawn)
        return drawn

    @property
    def is_through(self) -> bool:
        """Whether everything was drawn."""
        return len(self.drawn) == len(self._things)


class Drawn:
    """The kinds that are still to come, for each place its own."""

    def __init__(self) -> None:
        self.classes = {place: Cycle(sorted(ERRORS)) for place in Place}
        self.shapes, self.tokens = Cycle(sorted(SHAPES)), Cycle(sorted(TOKENS))
        self.columns = Cycle(COLUMNS)
        # Shapes that were answered to somebody.
        self.answered: set[str] = set()

    def is_through(self, places: Collection[Place]) -> bool:
        """Whether nothing is left that these places are there for.

        Every shape of an answer, every column, or every class of exceptions, be it at another place.
        """
        if Place.ANSWER in places:
            return self.answered == set(SHAPES)
        if Place.TOKEN in places:
            return self.tokens.is_through
        return self.columns.is_through and set().union(*(one.drawn for one in self.classes.values())) == set(ERRORS)

    def error(self, place: Place, rng: Random) -> tuple[str, Exception]:
        """A class of exceptions, and one of it."""
        name = self.classes[place].draw(rng)
        kind = type(ERRORS[name])
        return name, kind.__new__(kind, CANARY)


# --- the database, of the platform and of ours -----------------------------------------------------------------------


@contextmanager
def refusing(act: str, table: str, needle: str, error: Exception) -> Iterator[None]:
    """Each statement of SQL that does this to this table, and speaks of this number or text, fails."""
    about = re.compile(rf"\b{act}\b.*\b{table}\b", re.DOTALL)
    word = re.compile(rf"(?<![\w.]){re.escape(needle)}(?!\w)")

    def executing(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if about.search(sql) and (word.search(sql) or any(_text(param) == needle for param in params or ())):
            raise error
        return execute(sql, params, many, context)

    with connection.execute_wrapper(executing):
        yield


def _text(param: Any) -> str:
    return str(param).replace("-", "") if len(str(param)) == 36 else str(param)


def _of(world: World, user_id: int) -> frozenset[Pair]:
    return frozenset(pair for pair in world.expected if pair.user_id == user_id)


def _registration(world: World, pair: Pair) -> str:
    return next(text for text, one in world.registrations.items() if one == pair)


def tenth(things: Sequence[Any], rng: Random) -> list[Any]:
    """A tenth of them, at least one."""
    return rng.sample(things, max(1, round(len(things) / 10)))


# --- the places ------------------------------------------------------------------------------------------------------


def at_the_receiver(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """The notice of a learner's act cannot be written."""
    for user_id in tenth(list(world.learners), rng):
        name, error = drawn.error(Place.RECEIVER, rng)
        yield Poison(
            f"the notices of {user_id}: {name}",
            _of(world, user_id),
            lambda user_id=user_id, error=error: refusing("INSERT", "percipio_openedx_notice", str(user_id), error),
            Sight.LOGGED,
            log="capture failed",
        )


def odd_signals(rng: Random, drawn: Drawn) -> None:
    """Signals that carry what no signal should: nothing may be raised."""

    class Odd:
        def __getattr__(self, _: str) -> Any:
            raise drawn.error(Place.RECEIVER, rng)[1]

        def __str__(self) -> str:
            raise drawn.error(Place.RECEIVER, rng)[1]

    for text in rng.sample(list(TEXTS.values()), 5):
        for user_id in (text, 2**70, -1, None, float("nan"), b"7", [], Odd()):
            receivers.passed_first_time(user_id=user_id, course_id=text or "-")
    receivers.passed_first_time(user_id=99, course_id=Odd())
    for receiver in (receivers.enrollment_created, receivers.grade_changed, receivers.certificate_created):
        receiver(enrollment=Odd(), grade=Odd(), certificate=Odd())
        receiver()
    receivers.block_completed(instance=Odd())
    receivers.sso_link_saved(instance=None)


def at_a_course(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A course run that the platform cannot read."""
    for key in tenth(world.keys, rng):
        name, error = drawn.error(Place.COURSE, rng)
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
        name, error = drawn.error(Place.LEARNER, rng)
        table = rng.choice(LEARNER_READS)
        yield Poison(
            f"{table} of {user_id}: {name}",
            _of(world, user_id),
            lambda user_id=user_id, error=error, table=table: refusing("SELECT", table, str(user_id), error),
            Sight.SET_ASIDE,
        )


def at_an_outline(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """The collected outline of a course run cannot be read: nobody's progress there can be had, all else is told."""
    for key in tenth(world.keys, rng):
        name, error = drawn.error(Place.OUTLINE, rng)
        while isinstance(error, ImportError):  # a release without such a table, which is another answer
            name, error = drawn.error(Place.OUTLINE, rng)
        root = f"{key.replace('course-v1:', 'block-v1:')}+type@course+block@course"
        yield Poison(
            f"the outline of {key}: {name}",
            frozenset(pair for pair, verbs in world.expected.items() if pair.course_key == key and verbs == PROGRESSED),
            lambda root=root, error=error: refusing("SELECT", "block_structure", root, error),
            Sight.SET_ASIDE,
            STARTED,
        )


def at_the_progress(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner whose progress the platform cannot count; all else of theirs is told."""
    for pair in tenth([pair for pair, verbs in world.expected.items() if verbs == PROGRESSED], rng):
        name, error = drawn.error(Place.PROGRESS, rng)
        while name == GONE:
            name, error = drawn.error(Place.PROGRESS, rng)
        fault = Fault(error, course_key=pair.course_key, user_id=pair.user_id)
        yield Poison(
            f"the progress of {pair}: {name}",
            frozenset([pair]),
            lambda fault=fault: broken(fault),
            Sight.SET_ASIDE,
            STARTED,
        )


def at_a_name(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner who cannot be named."""
    for user_id in tenth(list(world.learners), rng):
        name, error = drawn.error(Place.NAME, rng)
        yield Poison(
            f"naming {user_id}: {name}",
            _of(world, user_id),
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

    over: dict[str, Exception] = {}  # noqa: RUF012 - what is set for a while

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
        name, error = drawn.error(Place.STATEMENT, rng)
        yield Poison(
            f"a filter step at {user_id}: {name}",
            _of(world, user_id),
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


def at_a_row(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A row that the database does not take. One at least when the platform was asked for the learner's progress."""
    asked = [pair for pair, verbs in world.expected.items() if verbs == PROGRESSED]
    for number, pair in enumerate([*tenth(asked, rng), *tenth(list(world.expected), rng)]):
        name, error = drawn.error(Place.ROW, rng)
        table = rng.choice(("statement", "learnercourse")) if number else "statement"
        needle = _registration(world, pair).replace("-", "")
        yield Poison(
            f"the row in {table} of {pair}: {name}",
            frozenset([pair]),
            lambda table=table, needle=needle, error=error: refusing(
                "INSERT", f"percipio_openedx_{table}", needle, error
            ),
            Sight.SET_ASIDE,
        )


def at_a_failure_row(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner who cannot be read, and not even that can be written down: the notice stays."""
    for user_id in tenth(list(world.learners), rng):
        (name, first), (_, second) = drawn.error(Place.FAILURE_ROW, rng), drawn.error(Place.FAILURE_ROW, rng)
        yield Poison(
            f"that {user_id} failed: {name}",
            _of(world, user_id),
            lambda user_id=str(user_id), first=first, second=second: _all_of(
                refusing("SELECT", "grades_persistentcoursegrade", user_id, second),
                refusing("INSERT", "percipio_openedx_observationfailure", user_id, first),
            ),
            Sight.LOGGED,
            log="failure not kept",
        )


@contextmanager
def _all_of(*contexts: AbstractContextManager[Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield


def at_an_answer(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner's statements in a course run to which Percipio, or what stands before it, answers oddly."""
    for pair in tenth(list(world.expected), rng):
        shape = drawn.shapes.draw(rng)
        yield Poison(
            f"the answer to {pair}: {shape}",
            frozenset([pair]),
            lambda pair=pair, shape=shape: _answered(world, pair, shape, drawn),
            Sight.ANSWERED,
            may_arrive=True,
        )


@contextmanager
def _answered(world: World, pair: Pair, shape: str, drawn: Drawn) -> Iterator[None]:
    whose = _registration(world, pair)
    with mock.patch.dict(world.percipio.poisoned, {whose: SHAPES[shape]}):
        yield
    if whose in world.percipio.met:
        drawn.answered.add(shape)


def at_a_request(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner's statements in a course run that break whatever sends them."""
    for pair in tenth(list(world.expected), rng):
        name, error = drawn.error(Place.REQUEST, rng)
        needle = _registration(world, pair).encode()
        yield Poison(
            f"the request with {pair}: {name}",
            frozenset([pair]),
            lambda needle=needle, error=error: _unsent(needle, error),
            Sight.ANSWERED,
        )


@contextmanager
def _unsent(needle: bytes, error: Exception) -> Iterator[None]:
    urlopen = HTTPConnectionPool.urlopen

    def sending(pool: Any, *args: Any, **how: Any) -> Any:
        if any(isinstance(part, bytes) and needle in part for part in (*args, *how.values())):
            raise error
        return urlopen(pool, *args, **how)

    with mock.patch.object(HTTPConnectionPool, "urlopen", sending):
        yield


def at_a_destination(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A destination's row, and that of an attempt at another one, that the database does not take."""
    numbers = rng.sample(range(4), 2)
    for number, (act, table) in zip(numbers, (("UPDATE", "destination"), ("INSERT", "deliveryattempt")), strict=True):
        name, error = drawn.error(Place.DESTINATION, rng)
        yield Poison(
            f"{act} {table} of destination {number}: {name}",
            world.at_destination(number),
            lambda act=act, table=table, number=number, error=error: refusing(
                act, f"percipio_openedx_{table}", str(FIRST_DESTINATION + number), error
            ),
            Sight.LOGGED,
            may_arrive=True,
            log="delivery broke",
        )


def at_a_token(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """The second site gets no token, each time for another reason."""
    names = [drawn.tokens.draw(rng) for _ in range(TOKENS_IN_A_RUN)]
    yield Poison(
        f"the second site's tokens: {names}",
        world.at_destination(2) | world.at_destination(3),
        lambda: mock.patch.object(world.percipio, "tokens", [TOKENS[name] for name in names]),
        Sight.FAILING,
    )


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
            changes_truth=True,
        )


Draw = Callable[[World, Random, Drawn], Iterator[Poison]]
KINDS: dict[Place, Draw] = {
    Place.RECEIVER: at_the_receiver,
    Place.COURSE: at_a_course,
    Place.LEARNER: at_a_learner,
    Place.OUTLINE: at_an_outline,
    Place.PROGRESS: at_the_progress,
    Place.NAME: at_a_name,
    Place.STATEMENT: at_a_statement,
    Place.ROW: at_a_row,
    Place.FAILURE_ROW: at_a_failure_row,
    Place.ANSWER: at_an_answer,
    Place.REQUEST: at_a_request,
    Place.DESTINATION: at_a_destination,
    Place.TOKEN: at_a_token,
    Place.VALUE: at_a_value,
}
