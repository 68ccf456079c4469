"""Scenarios made of others: health, chance, outage."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from percipio_sandbox.calls import Call
from percipio_sandbox.messages import Answer
from percipio_sandbox.scenarios import broken, imports, partial, refusals, tokens
from percipio_sandbox.scenarios.answers import html_page
from percipio_sandbox.scenarios.model import (
    Act,
    Scenario,
    ScenarioError,
    Settings,
    Stage,
    always,
    number,
)

_PLAIN: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (*tokens.SCENARIOS, *refusals.SCENARIOS, *partial.SCENARIOS, *imports.SCENARIOS, *broken.SCENARIOS)
}
# Faults that pass: whoever keeps trying gets every statement through.
_PASSING = (
    "reset+reset-after-reading+lost-answer+server-500+bad-gateway-html-502+unavailable-503+unavailable-503=1"
    "+throttled-429+throttled-429-seconds=1+throttled-429-date=1+html-200+empty-200+stall=0.5+forbidden"
    "+token-expires-mid-flight=1+conflict-409+too-large-413=5+207-list-index=3-once+207-list-id=3-once"
    "+207-object-list=3-once+207-object-map=3-once+207-errors-only=3-once+207-unreadable=3-once"
)


def make_plain(text: str, settings: Settings) -> tuple[Scenario, Act]:
    """Return a scenario and its act from `name` or `name=argument`.

    Raises:
        ScenarioError: when the name is unknown or the argument is not understood.
    """
    name, given, argument = text.partition("=")
    scenario = _PLAIN.get(name)
    if scenario is None:
        raise ScenarioError(f"unknown scenario {name!r}")
    return scenario, make_act(scenario, argument if given else None, settings)


def make_act(scenario: Scenario, argument: str | None, settings: Settings) -> Act:
    """Return a new act of a scenario; `argument` None takes the scenario's default.

    Raises:
        ScenarioError: when the argument is not understood, or given where none is taken.
    """
    if argument is not None and not scenario.meaning:
        raise ScenarioError(f"the scenario {scenario.name!r} takes no argument")
    return scenario.make(Settings(scenario.argument if argument is None else argument, settings.random))


def _flaky(settings: Settings) -> Act:
    chance, _, names = settings.argument.partition("+")
    probability = number(chance, "the probability")
    if probability > 1:
        raise ScenarioError(f"the probability must be at most 1, not {chance}")
    faults = [make_plain(text, settings) for text in (names or _PASSING).split("+")]
    lock = threading.Lock()

    def act(call: Call) -> Answer:
        with lock:
            happens = settings.random.random() < probability
            scenario, fault = settings.random.choice(faults)
        if happens and scenario.stage.concerns(call.route.kind):
            return fault(call)
        return call.ordinary()

    return act


SCENARIOS = (
    Scenario("ok", "a healthy Percipio", Stage.BOTH, lambda settings: lambda call: call.ordinary()),
    Scenario(
        "flaky",
        "each request may meet a fault, chosen by chance from those that pass",
        Stage.BOTH,
        _flaky,
        argument="0.3",
        meaning="the probability, and optionally the faults to choose from: 0.2+reset+207-list-id=5",
    ),
    Scenario(
        "outage",
        "503 with an HTML page from everything, the token endpoint included, for some seconds",
        Stage.BOTH,
        always(html_page(503, "Service Unavailable")),
        in_seconds=True,
    ),
)
