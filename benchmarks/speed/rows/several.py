"""Eight organizations at once: what more processes bring, near and far from Percipio."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures
from benchmarks.speed.places import receiver_counts, reset_receiver
from benchmarks.speed.rows.delivery import fill

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

ORGANIZATIONS = 8
# With the most of them the distance bounds nothing any more: at 100 ms sixteen could send 16,000 a second.
PROCESSES = (1, 2, 4, 8, 16, 24)
ROUND_TRIPS = (20, 100)
# Statements for each process: so that all have work for as long, and start and end count for as little everywhere.
EACH = 8000
# Of the rate at 20 ms, with the most processes: what differs less is within the noise of the medians.
ALIKE = 0.95


def _deliver(start: Barrier) -> None:
    """A worker's process that has worked before: connected to the database, with a token."""
    from django.db import connection

    from percipio_openedx import config
    from percipio_openedx.delivery.client import PercipioClient
    from percipio_openedx.delivery.dispatcher import deliver_due

    connection.ensure_connection()
    configuration = config.for_site(1)
    if configuration is None:
        raise AssertionError("the site has no configuration")
    PercipioClient(configuration)._tokens.current()
    start.wait()
    deliver_due()


def _at(processes: int, round_trip: int, quick: bool) -> Figures:
    """Statements a second, from the moment at which all processes are there to the end of the last one.

    ``steady`` is the rate of the middle half: while all are at work, without their start at one moment (where all
    claim, and none has anything to send yet) and without what the last answers take.
    """
    from multiprocessing import get_context

    from django.db import connections

    # Imported before the processes are split off, as a worker does.
    from percipio_openedx.delivery import dispatcher  # noqa: F401

    count = EACH * processes // (4 if quick else 1)
    fill(count, ORGANIZATIONS)
    reset_receiver(round_trip)
    connections.close_all()
    context = get_context("fork")
    start = context.Barrier(processes + 1)
    workers = [context.Process(target=_deliver, args=(start,)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    arrived = receiver_counts()
    if arrived["different"] != count or arrived["statements"] != count:
        raise AssertionError(f"{arrived} of {count} arrived")
    return {
        "per_second": count / seconds,
        "steady": arrived["steady"],
        "at_once": arrived["most_at_once"],
        "requests": arrived["requests"],
    }


def lines(results: Results) -> list[Line]:
    """A line for each round trip, and what the distance costs many processes."""
    rates = {
        (processes, round_trip): results[_name(processes, round_trip), MARIADB]["per_second"]
        for processes in PROCESSES
        for round_trip in ROUND_TRIPS
    }
    found = []
    for round_trip in ROUND_TRIPS:
        own = [rates[processes, round_trip] for processes in PROCESSES]
        found.append(
            Line(
                f"delivery to {ORGANIZATIONS} organizations, TLS, {round_trip} ms",
                ", ".join(f"{rate:.0f}/s" for rate in own) + f" with {', '.join(map(str, PROCESSES))} processes",
                goal="grows with the processes until the receiver or the processor is the limit",
            )
        )
    near, far = (results[_name(PROCESSES[-1], round_trip), MARIADB] for round_trip in ROUND_TRIPS)
    alike = far["steady"] / near["steady"]
    found.append(
        Line(
            f"{PROCESSES[-1]} processes, {ROUND_TRIPS[1]} ms against {ROUND_TRIPS[0]} ms",
            f"{alike:.2f} of the rate while all are at work ({far['steady']:.0f}/s, {near['steady']:.0f}/s);"
            f" {far['per_second'] / near['per_second']:.2f} from the start of the first to the end of the last",
            goal=f"no slower ({ALIKE:g}, for noise)",
            met=alike >= ALIKE,
        )
    )
    return found


def _name(processes: int, round_trip: int) -> str:
    return f"{processes}_at_{round_trip}"


CASES = {
    # Those that are compared with each other are measured more often, and the last of them one right after the other.
    _name(processes, round_trip): Case(
        partial(_at, processes, round_trip), rounds=2, least=8 if processes == PROCESSES[-1] else 1
    )
    for round_trip in ROUND_TRIPS
    for processes in PROCESSES
}
ROW = Row("several", CASES, lines)
