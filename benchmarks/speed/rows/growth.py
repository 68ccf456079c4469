"""The statement table as it grows: what the queue's queries read and how long they take.

Up to ten million statements, and everything else that reads the table: ``benchmarks/growth.py``.
"""

from __future__ import annotations

import time

from benchmarks import growth, pull
from benchmarks.pull import handler_reads
from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures

SMALL, MIDDLE, LARGE = 20_000, 230_000, 1_000_000
WAITING = 1000
STEPS = ("ready", "first_due", "claim", "next_recovery", "settle", "recover")


def _at(size: int) -> Figures:
    from django.db import connection

    world.forget_reports()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM percipio_openedx_statementledger")
    pull.fill(size)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE percipio_openedx_statement SET state = 'waiting', settled_at = NULL WHERE id > %s",
            [size - WAITING],
        )
    figures: Figures = {"size": size}
    steps = growth.queue()
    for name in STEPS:
        reads, began = handler_reads(), time.perf_counter()
        steps[f"queue: {name}"]()
        figures[name] = (time.perf_counter() - began) * 1000
        figures[f"{name}_reads"] = handler_reads() - reads
    return figures


def small(quick: bool) -> Figures:
    """20,000 statements."""
    return _at(SMALL)


def large(quick: bool) -> Figures:
    """A million statements; 230,000 where it has to be quick."""
    return _at(MIDDLE if quick else LARGE)


def lines(results: Results) -> list[Line]:
    """For each query: rows read at each size; flat is at most half as much again."""
    found = []
    found_at = [results[name, MARIADB] for name in ("small", "large") if (name, MARIADB) in results]
    sizes = " and ".join(f"{figures['size']:,.0f}" for figures in found_at)
    for step in STEPS:
        reads = [figures[f"{step}_reads"] for figures in found_at]
        times = [f"{figures[step]:.0f}" for figures in found_at]
        found.append(
            Line(
                f"queue, {step}, {sizes} statements",
                f"{', '.join(f'{read:.0f}' for read in reads)} rows read; {', '.join(times)} ms",
                goal="flat",
                met=reads[-1] <= reads[0] * 1.5 + 10,
            )
        )
    return found


CASES = {name: Case(call, rounds=1) for name, call in (("small", small), ("large", large))}
ROW = Row("growth", CASES, lines)
