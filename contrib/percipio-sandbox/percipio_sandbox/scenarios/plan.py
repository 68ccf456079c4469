"""A plan: the scenarios in force, one after the other.

`NAME[=ARGUMENT][:COUNT]`, several of them with commas between: `server-500:3,lost-answer:1` serves three
API requests with 500, stores the fourth and loses its answer, and is healthy from then on. `:30s` lasts
thirty seconds instead of a count of requests. A step counts the requests that it concerns only; the others
find a healthy Percipio meanwhile.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer
from percipio_sandbox.scenarios.catalog import SCENARIOS
from percipio_sandbox.scenarios.mixtures import make_act
from percipio_sandbox.scenarios.model import Act, Scenario, ScenarioError, Settings

_STEP = re.compile(
    r"(?P<name>[^=:]+)(?:=(?P<argument>.*?))?(?::(?P<length>\d+(?:\.\d+)?)(?P<unit>s?))?",
    re.ASCII | re.DOTALL,
)


@dataclass
class _Step:
    scenario: Scenario
    act: Act = field(repr=False)
    requests: int | None = None
    seconds: float | None = None
    ends: datetime | None = None

    def begin(self, now: datetime) -> None:
        if self.seconds is not None:
            self.ends = now + timedelta(seconds=self.seconds)

    def is_over(self, now: datetime) -> bool:
        return self.requests == 0 or (self.ends is not None and now >= self.ends)


class Plan:
    """The scenarios that a text names, as they come into force; safe to use from many threads.

    Arguments:
        text: see this module's description.
        seed: of everything that happens by chance.
        clock: returns the present time with its zone.

    Raises:
        ScenarioError: when the text cannot be understood.
    """

    def __init__(self, text: str, seed: int, clock: Callable[[], datetime]) -> None:
        self.text = text
        self._clock = clock
        random = Random(seed)  # noqa: S311 - repeatable faults, no secrets
        self._steps = [_parse_step(part.strip(), random) for part in text.split(",")]
        self._lock = threading.Lock()
        self._steps[0].begin(clock())

    def answer(self, call: Call) -> Answer:
        """Answer a request as the scenario in force wants it.

        Raises:
            Refusal: when the request is refused.
        """
        act = self._act_for(call)
        return call.ordinary() if act is None else act(call)

    def in_force(self) -> str:
        """Return the name of the scenario in force now."""
        with self._lock:
            step = self._current()
            return "ok" if step is None else step.scenario.name

    def _current(self) -> _Step | None:
        while self._steps and self._steps[0].is_over(self._clock()):
            self._steps.pop(0)
            if self._steps:
                self._steps[0].begin(self._clock())
        return self._steps[0] if self._steps else None

    def _act_for(self, call: Call) -> Act | None:
        with self._lock:
            step = self._current()
            if step is None or not step.scenario.stage.concerns(call.route.kind):
                return None
            if step.requests is not None:
                step.requests -= 1
            return step.act


def _parse_step(text: str, random: Random) -> _Step:
    match = _STEP.fullmatch(text)
    if match is None:
        raise ScenarioError(f"{text!r} is not NAME[=ARGUMENT][:COUNT]")
    scenario = SCENARIOS.get(match["name"])
    if scenario is None:
        raise ScenarioError(f"unknown scenario {match['name']!r}; known are {', '.join(SCENARIOS)}")
    act = make_act(scenario, match["argument"], Settings("", random))
    length = match["length"]
    if length is None:
        return _Step(scenario, act)
    if match["unit"] or scenario.in_seconds:
        return _Step(scenario, act, seconds=float(length))
    if not length.isdigit():
        raise ScenarioError(f"a count of requests is a whole number, not {length}")
    return _Step(scenario, act, requests=int(length))
