"""From the learner's act to Percipio on a quiet system, with a worker running."""

from __future__ import annotations

import time

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures
from benchmarks.speed.places import receiver_counts, reset_receiver
from benchmarks.speed.worker import running, wait

AFTER = 30


def ours(quick: bool) -> Figures:
    """An enrollment, as its receiver notes it; seconds beyond ``PERCIPIO_OBSERVE_AFTER``."""
    from django.db import transaction

    import demo.worker  # noqa: F401 - the application that publishes
    from percipio_openedx import config
    from percipio_openedx.capture import notices, wake
    from percipio_openedx.models.notice import Reason

    world.forget_reports()
    reset_receiver(20)
    with running():
        time.sleep(3)
        with transaction.atomic():
            notices.append(world.IDLE, world.COURSE, Reason.ENROLLMENT)
            wake.on_commit()
        began = time.monotonic()
        wait(lambda: receiver_counts()["statements"] >= 1)
        return {"beyond": time.monotonic() - began - config.observe_after()}


def lines(results: Results) -> list[Line]:
    """One line."""
    own = results["ours", MARIADB]
    return [
        Line(
            "signal to Percipio, quiet system",
            f"OBSERVE_AFTER and {own['beyond']:.1f} s",
            "ERB batched: the 100th event",
            goal="OBSERVE_AFTER plus at most 2 s",
            met=own["beyond"] <= 2,
        )
    ]


ROW = Row("latency", {"ours": Case(ours, environment={"PERCIPIO_OBSERVE_AFTER": str(AFTER)}, rounds=2)}, lines)
