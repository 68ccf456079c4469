"""Taking times inside one measuring process."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

Figures = dict[str, float]


def each(call: Callable[[int], object], count: int, *, warm: int = 50) -> Figures:
    """Microseconds of single calls: p50, p99, the mean of the processor's time, after ``warm`` calls that do not count.

    Arguments:
        call: gets the number of the call.
        count: calls that count.
        warm: calls before.
    """
    for number in range(warm):
        call(number)
    times = []
    cpu = time.process_time_ns()
    for number in range(warm, warm + count):
        began = time.perf_counter_ns()
        call(number)
        times.append((time.perf_counter_ns() - began) / 1000)
    cpu = time.process_time_ns() - cpu
    cuts = statistics.quantiles(times, n=100)
    return {"p50": statistics.median(times), "p99": cuts[98], "max": max(times), "cpu": cpu / 1000 / count}


def whole(call: Callable[[], int]) -> Figures:
    """How many a second ``call`` gets done (it returns the number), and seconds of the processor for a thousand."""
    # What made the rows to work on is not the work's garbage.
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    done = call()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"done": done, "per_second": done / seconds, "seconds": seconds, "cpu_per_1000": cpu / done * 1000}


@contextmanager
def queries() -> Any:
    """A list that counts what the database was asked inside the block: one entry each."""
    from django.db import connection

    asked: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield asked
