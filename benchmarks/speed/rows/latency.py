"""From the learner's act to Percipio on a quiet system, with a worker running."""

from __future__ import annotations

import time

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures
from benchmarks.speed.places import receiver_counts, reset_receiver
from benchmarks.speed.worker import running, wait

AFTER = 30
MOST_BEYOND = 2.0  # seconds
WARM = 200


def ours(quick: bool) -> Figures:
    """Enrollments, as their receiver notes them; seconds beyond ``PERCIPIO_OBSERVE_AFTER``.

    The first comes to a worker whose processes have not reported anything yet, and import what they need; the next one
    to processes that have, as on any day but the first.
    """
    import demo.worker  # noqa: F401 - the application that publishes
    from percipio_openedx.tasks import run

    world.forget_reports()
    reset_receiver(20)
    with running():
        time.sleep(3)
        first = _beyond(world.IDLE)
        world.notices(WARM, world.IDLE + 1)
        for _ in range(2):
            run.delay()
        wait(lambda: receiver_counts()["statements"] >= WARM + 1)
        # As long as one wake is enough for all.
        time.sleep(AFTER)
        return {"first": first, "beyond": _beyond(world.IDLE + 1 + WARM)}


def _beyond(user_id: int) -> float:
    from django.db import transaction

    from percipio_openedx import config
    from percipio_openedx.capture import notices, wake
    from percipio_openedx.models.learner_course import Reason

    wanted = receiver_counts()["statements"] + 1
    with transaction.atomic():
        notices.append(user_id, world.COURSE, Reason.ENROLLMENT)
        wake.on_commit()
    began = time.monotonic()
    wait(lambda: receiver_counts()["statements"] >= wanted)
    return time.monotonic() - began - config.observe_after()


def lines(results: Results) -> list[Line]:
    """One line."""
    own = results["ours", MARIADB]
    return [
        Line(
            "signal to Percipio, quiet system",
            f"OBSERVE_AFTER and {own['beyond']:.1f} s; {own['first']:.1f} s where a worker's process is new",
            "ERB batched: the 100th event",
            goal=f"OBSERVE_AFTER plus at most {MOST_BEYOND:g} s",
            met=own["beyond"] <= MOST_BEYOND,
        )
    ]


ROW = Row("latency", {"ours": Case(ours, environment={"PERCIPIO_OBSERVE_AFTER": str(AFTER)}, rounds=2)}, lines)
