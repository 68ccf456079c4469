"""One run with poison: what was to arrive and to be seen, compared with what arrived and was seen."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from random import Random
from typing import Any

from percipio_openedx.models import ObservationFailure, Statement
from percipio_openedx.models.statement import State
from tests.integration.dump import as_bytes, tables
from tests.integration.operations.conftest import command
from tests.plugins.logs import keeping_every_log
from tests.poison.coming_in import odd_signals
from tests.poison.errors import CANARY
from tests.poison.kinds import KINDS
from tests.poison.model import Drawn, Place, Poison, Sight
from tests.poison.world import Pair, World

# Passes, each at the time that the one before it asked for: to find a culprit among others, and to be done in the end.
SEARCHING, MENDING = 40, 40
# What Percipio answers to one statement may need another to be compared with; everything else is apart in one pass.
SEARCHED = frozenset({Place.ANSWER, Place.REQUEST, Place.DESTINATION, Place.TOKEN})


def run(
    world: World, places: Iterable[Place], seed: int, drawn: Drawn, *, doctor: bool = False, stops: bool = False
) -> list[str]:
    """Poison a tenth of the items at these places, then take the poison away; what was not as it should be.

    Arguments:
        seed: of everything that is drawn, by the harness and by the plugin.
        drawn: the kinds that are still to come.
        doctor: whether ``percipio_doctor`` is asked, which takes a second or two.
        stops: whether the first thing that is not as it should be is enough.
    """
    with keeping_every_log() as log:
        return _Run(world, tuple(places), seed, drawn, log).run(doctor=doctor, stops=stops)


class _Enough(Exception):
    """Something is wrong, and that is all that was asked."""


class _Run:
    def __init__(
        self, world: World, places: tuple[Place, ...], seed: int, drawn: Drawn, log: Callable[..., str]
    ) -> None:
        self._world, self._places, self._drawn, self._log = world, places, drawn, log
        self._rng = Random(seed)
        self._seed = seed
        self._stops = False
        self._poisons = [poison for place in places for poison in KINDS[place](world, self._rng, drawn)]
        self._hurt = frozenset(pair for poison in self._poisons for pair in poison.pairs)
        self._changed = frozenset(pair for one in self._poisons if one.changes_observed for pair in one.pairs)
        self._parkable = frozenset(pair for one in self._poisons if one.sight is Sight.ANSWERED for pair in one.pairs)
        self._wrong: list[str] = []

    def run(self, *, doctor: bool, stops: bool) -> list[str]:
        random.seed(self._seed)
        self._stops = stops
        self._world.renew()
        with self._world.time(), suppress(_Enough):
            try:
                with ExitStack() as stack:
                    for poison in self._poisons:
                        stack.enter_context(poison.on())
                    self._begin()
                    self._poisoned()
                    if doctor:
                        self._ask_the_doctor()
                self._mend()
                self._say_what_is_quoted()
            except _Enough:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a boundary lets through is what is looked for
                frame = traceback.extract_tb(error.__traceback__)[-1]
                name = f"{type(error).__module__}.{type(error).__name__}"
                self._say(f"raised {name} at {frame.filename}:{frame.lineno}")
        if not self._wrong:
            return []
        return [f"seed {self._seed}: {', '.join(poison.name for poison in self._poisons)}", *self._wrong]

    def _say(self, text: str) -> None:
        self._wrong.append(text)
        if self._stops:
            raise _Enough

    def _begin(self) -> None:
        if Place.RECEIVER not in self._places:
            self._world.notice(self._world.expected)
            return
        mark = f"act {self._seed}"
        odd_signals(self._rng, self._drawn)
        self._world.act(mark)
        for learner in self._world.learners.values():
            learner.refresh_from_db(fields=["last_name"])
            if learner.last_name != mark:
                self._say(f"the act of {learner.pk} did not stand")

    # --- with the poison ----------------------------------------------------------------------------------------------

    def _poisoned(self) -> None:
        self._pass()
        if again := [pair for pair, times in self._world.asked.items() if times > 1]:
            self._say(f"the platform was asked more than once for the progress of {again}")
        if not SEARCHED.isdisjoint(self._places):
            for _ in range(SEARCHING):
                if not self._lacking() and len(self._world.percipio.tokens) == 1:
                    break
                self._pass()
        self._compare()
        for _ in range(2):
            self._pass()
        self._compare()

    def _pass(self) -> None:
        done = self._world.work()
        if done.broken:
            self._say(f"steps of a pass broke: {dict(done.broken)}")

    def _lacking(self) -> dict[Pair, list[str]]:
        """The healthy ones of whom not everything has arrived."""
        reported = self._world.reported()
        return {
            pair: reported[pair]
            for pair, verbs in self._world.expected.items()
            if pair not in self._hurt and reported[pair] != verbs
        }

    def _compare(self) -> None:
        world, reported = self._world, self._world.reported()
        if lacking := self._lacking():
            self._say(f"healthy and not as they should be: {lacking}")
        for poison in self._poisons:
            for pair in poison.pairs:
                self._compare_one(poison, pair, reported[pair])
        if others := (world.set_aside() | world.held()) - self._hurt:
            self._say(f"set aside without a reason: {sorted(others)}")
        if self._wrong_at_percipio():
            self._say(f"what no right client does: {self._wrong_at_percipio()}")

    def _compare_one(self, poison: Poison, pair: Pair, reported: list[str]) -> None:
        expected = self._world.expected[pair]
        alone = sum(pair in other.pairs for other in self._poisons) == 1
        if alone and not poison.may_arrive and reported != expected[: len(reported)]:
            self._say(f"out of order: {pair} {reported}")
        if alone and reported[: len(poison.least)] != poison.least:
            self._say(f"lacks what could be told: {pair} {reported}")
        if alone and not poison.may_arrive and reported != poison.least:
            self._say(f"arrived in spite of the poison: {pair} {reported}")
        was_reported = bool(reported) if poison.changes_observed else reported == expected
        if not was_reported and alone and not self._is_seen(poison, pair):
            self._say(f"seen nowhere ({poison.sight}): {pair}")

    def _is_seen(self, poison: Poison, pair: Pair) -> bool:
        world = self._world
        seen: dict[Sight, Callable[[], Any]] = {
            Sight.SET_ASIDE: lambda: pair in world.set_aside(),
            Sight.HELD: lambda: pair in world.held(),
            Sight.ANSWERED: lambda: pair in world.answered(),
            Sight.FAILING: lambda: pair in world.at_failing_destinations(),
            Sight.LOGGED: lambda: poison.log in self._log(),
            Sight.ANYWHERE: lambda: pair in world.set_aside() | world.held() | world.answered(),
        }
        return bool(seen[poison.sight]())

    def _wrong_at_percipio(self) -> list[str]:
        return self._world.percipio.wrong + self._world.misled(self._changed)

    def _ask_the_doctor(self) -> None:
        """What an operator reads: every reason of what is set aside, and how much is parked."""
        said = command("percipio_doctor").out
        for reason in set(ObservationFailure.objects.values_list("reason", flat=True)[:10]):
            if reason not in said:
                self._say(f"the doctor does not say {reason}")
        parked = Statement.objects.filter(state=State.PARKED).count()
        if parked and str(parked) not in said:
            self._say("the doctor does not say how many are parked")
        if CANARY in said:
            self._say("the doctor quotes")

    # --- without it ---------------------------------------------------------------------------------------------------

    def _mend(self) -> None:
        """Nothing is poisoned any more: by and by everything arrives, and nothing is left."""
        if Place.RECEIVER in self._places:
            command("percipio_backfill")
        # Whoever changes a value in the LMS does something that is noticed.
        self._world.notice(self._changed)
        if Statement.objects.filter(state=State.PARKED).exists():
            command("percipio_retry", "--parked")
        for _ in range(MENDING):
            self._pass()
            if not self._missing() and not self._world.left():
                break
        if missing := self._missing():
            self._say(f"did not arrive without the poison: {missing}")
        if left := self._world.left():
            self._say(f"left without the poison: {left}")
        if self._wrong_at_percipio():
            self._say(f"what no right client does: {self._wrong_at_percipio()}")

    def _missing(self) -> dict[Pair, list[str]]:
        """Of whom not exactly what is true has arrived.

        What is parked holds up nobody, so of those who may arrive in spite of the poison the order is not kept; and of
        those whose truth was another one for a while, more may have been told.
        """
        reported = self._world.reported()
        return {
            pair: reported[pair]
            for pair, verbs in self._world.expected.items()
            if not self._is_all(pair, verbs, reported[pair])
        }

    def _is_all(self, pair: Pair, verbs: list[str], reported: list[str]) -> bool:
        if pair in self._changed:
            return Counter(verbs) <= Counter(reported)
        return sorted(reported) == sorted(verbs) if pair in self._parkable else reported == verbs

    def _say_what_is_quoted(self) -> None:
        """openedx-filters logs what a step raises as it is, before anybody else sees it."""
        log = self._log(without="openedx_filters.tooling")
        lines = [line for line in log.splitlines() if CANARY in line]
        if lines:
            self._say(f"a log quotes: {lines[0][:300]}")
        quoted = {
            (table, column)
            for table, column, value in tables()
            if table.startswith("percipio_openedx_") and CANARY.encode() in as_bytes(value)
        }
        if quoted:
            self._say(f"rows quote: {quoted}")
