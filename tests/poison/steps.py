"""A part of a pass is poisoned: the others are done in the same pass, and it is done later."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from unittest import mock

from percipio_openedx import reporting
from percipio_openedx.delivery import dispatcher
from percipio_openedx.models import Alert, Statement
from percipio_openedx.operations import alerts
from percipio_openedx.operations.problem_kinds import Step
from percipio_openedx.reporting import due
from tests.poison.errors import CANARY
from tests.poison.model import Drawn
from tests.poison.world import World

# What a pass does, and which step is told as broken if it breaks.
ACTS = {
    "observing": (reporting, "report_due", Step.OBSERVING),
    "delivering": (dispatcher, "deliver_due", Step.DELIVERING),
    "alerting": (alerts, "check", Step.ALERTING),
    "noticing those whose time has come": (due, "notice_rechecks", Step.OBSERVING),
}


def run_steps(world: World, seed: int, drawn: Drawn, acts: Iterable[str] = tuple(ACTS)) -> list[str]:
    """Break parts of a pass, one after the other, for a while; what was not as it should be."""
    rng = Random(seed)
    wrong: list[str] = []
    for act in acts:
        name, error = drawn.error(rng)
        world.renew()
        with world.time():
            try:
                found = _break(world, act, error)
            except Exception as raised:  # noqa: BLE001 - whatever a boundary lets through is what is looked for
                found = [f"raised {type(raised).__module__}.{type(raised).__name__}"]
        wrong += [f"seed {seed}: {act}, {name}: {one}" for one in found]
    return wrong


def _break(world: World, act: str, error: Exception) -> list[str]:
    """Half of the class waits to be sent, the other half to be looked at."""
    module, function, step = ACTS[act]
    pairs = list(world.expected)
    early, late = pairs[::2], pairs[1::2]
    wrong: list[str] = []
    world.notice(early)
    reporting.report_due()
    world.notice(late)
    with mock.patch.object(module, function, side_effect=error):
        done = world.work()
        if done.broken != {step: type(error).__name__}:
            wrong.append(f"not told as broken: {done.broken}")
        if done.next_at is None:
            wrong.append("no other pass is asked for")
        reported = world.reported()
        arriving = {"observing": early, "delivering": []}.get(act, pairs)
        wrong += [
            f"did not arrive: {pair} {reported[pair]}" for pair in arriving if reported[pair] != world.expected[pair]
        ]
        if act != "observing" and Statement.objects.count() != sum(map(len, world.expected.values())):
            wrong.append("not everything was observed")
        world.work()
    if act != "alerting" and not Alert.objects.filter(kind="broken", subject=step.value, is_on=True).exists():
        wrong.append("no operator was told")
    for _ in range(10):
        world.work()
        if world.reported() == world.expected and not world.left():
            break
    if (world.reported(), world.left()) != (world.expected, {}):
        wrong.append(f"left when all is well again: {world.left()}")
    if CANARY in str(list(Alert.objects.values())):
        wrong.append("an alert quotes")
    return wrong
