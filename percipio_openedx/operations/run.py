"""One worker pass: observe, rebuild, deliver, send the catalog, then back-fill and sweep; and how many run at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple, TypeVar
from uuid import uuid4

from django.core.cache import cache as shared_cache
from django.utils import timezone
from edx_django_utils.monitoring import set_custom_attribute

from percipio_openedx.bulkheads import Boundary, bulkhead
from percipio_openedx.operations.problem_kinds import Step

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Longest wait until the next pass after a broken step.
AFTER_A_BROKEN_STEP = timedelta(seconds=60)
# The run slots, in the LMS's shared cache.
SLOT_KEY = "percipio_openedx:slot:%d"


@dataclass(slots=True)
class Pass:
    """The result of a pass.

    ``next_at`` is when the next is due (None: with the next notice), ``broken`` which steps broke, and why, ``counts``
    what was done.
    """

    next_at: datetime | None = None
    broken: dict[Step, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def run_once(budget: float | None = None) -> datetime | None:
    """Run a pass; return when the next is due (None: with the next notice). Never raises.

    ``budget`` is approximate seconds of work, None for no limit: half for observing, half of the rest for rebuilding.
    The catalog gets half of what is left after delivering, back-fill and sweep the rest, up to their own limits, so
    that real work goes first.
    """
    return run_pass(budget).next_at


def run_pass(budget: float | None = None) -> Pass:
    """Run a pass as ``run_once`` does; return its result."""
    # Imported here so that the LMS's web processes start without it.
    from percipio_openedx.catalog.push import Pushed, push_due
    from percipio_openedx.delivery.dispatcher import Delivered, deliver_due
    from percipio_openedx.operations import alerts, backfill, sites, sweep
    from percipio_openedx.operations.walk import Walked
    from percipio_openedx.reporting import RebuildSummary, ReportSummary, rebuild_due, report_due
    from percipio_openedx.reporting.rebuild import next_at as next_rebuild

    alerts.connect()
    done = Pass()
    began = time.monotonic()

    def left(share: float, least: float = 1.0) -> float | None:
        return None if budget is None else max(least, (budget - (time.monotonic() - began)) * share)

    def until(share: float) -> float | None:
        seconds = left(share)
        return None if seconds is None else time.monotonic() + seconds

    reporting = cache(sites.reporting)
    reported = _step(done, Step.OBSERVING, lambda: report_due(until(0.5)), ReportSummary())
    rebuilt = _step(done, Step.REBUILDING, lambda: rebuild_due(until(0.5)), RebuildSummary())
    delivered = _step(done, Step.DELIVERING, lambda: deliver_due(budget_seconds=left(1.0)), Delivered())
    pushed = _step(done, Step.CATALOG, lambda: push_due(reporting().values(), left(0.5)), Pushed())
    walked = [
        _step(done, Step.BACKFILLING, lambda: backfill.carry_on(left(1.0, least=0.0)), Walked()),
        _step(done, Step.SWEEPING, lambda: sweep.sweep_due(left(1.0, least=0.0), reporting=reporting), Walked()),
    ]
    # A claim or an operator may have outdated more since.
    to_build = _step(done, Step.REBUILDING, next_rebuild, None)
    broken = {str(step): why for step, why in done.broken.items()}
    to_tell = _step(done, Step.ALERTING, lambda: alerts.check(broken=broken), None)
    broken_at = timezone.now() + AFTER_A_BROKEN_STEP if done.broken else None
    times = (reported.next_at, to_build, delivered.next_due, pushed.next_at, to_tell, broken_at)
    done.next_at = min((at for at in (*times, *(one.next_at for one in walked)) if at is not None), default=None)
    done.counts = {
        "observed": reported.observed + sum(one.observed for one in walked),
        "statements": reported.statements + sum(one.statements for one in walked),
        "held": reported.held + sum(one.held for one in walked),
        "rebuilt": rebuilt.built,
        "sent": delivered.sent,
        "parked": delivered.parked,
        "later": delivered.later,
        "items": pushed.counts["sent"],
    }
    for name, count in done.counts.items():
        # For the site's monitoring service, as custom attributes of the task or command.
        set_custom_attribute(f"percipio_{name}", count)
    logger.info("pass %s", " ".join(f"{name}={count}" for name, count in done.counts.items()))
    return done


def _step(done: Pass, step: Step, work: Callable[[], T], otherwise: T) -> T:
    """Run one step behind a bulkhead: if it breaks, the others and the next pass still run."""
    with bulkhead(Boundary.STEP) as contained:
        result = work()
        # A part of the step that broke behind a bulkhead of its own.
        if part := getattr(result, "broken", ""):
            done.broken[step] = part
        return result
    done.broken[step] = contained.reason
    logger.error("step of a pass broke step=%s error=%s", step, contained.reason)
    return otherwise


class Slot(NamedTuple):
    """One run slot; ``has_neighbor`` says that there is another after it."""

    number: int
    has_neighbor: bool


def slots_in_use(count: int) -> int:
    """Return how many of ``count`` run slots are taken now."""
    return len(shared_cache.get_many([SLOT_KEY % number for number in range(count)]))


@contextmanager
def slot_taken(count: int, longest: float) -> Iterator[Slot | None]:
    """Take one of ``count`` run slots; None when enough runs are at work. It frees itself after ``longest`` seconds.

    A cache that stores nothing gives everyone the first slot and no neighbor: concurrent runs are safe, and none starts
    a second one.
    """
    token = uuid4().hex
    keys = [SLOT_KEY % number for number in range(count)]
    number = next((number for number in range(count) if shared_cache.add(keys[number], token, int(longest))), None)
    if number is None:
        yield None
        return
    is_ours = shared_cache.get(keys[number]) == token
    try:
        yield Slot(number, has_neighbor=is_ours and number + 1 < count)
    finally:
        if is_ours:
            shared_cache.delete(keys[number])
