"""A Celery worker of two processes for one measurement, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.speed.places import ROOT, receiver_counts

LONGEST = 120.0
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(processes: int = 2) -> Iterator[int]:
    """The process id of a worker that is ready."""
    from openedx.core.lib.celery import APP

    command = [sys.executable, "-m", "celery", "-A", "demo.worker", "worker", "--concurrency", str(processes)]
    options = ["--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    worker = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(lambda: bool(APP.control.ping(timeout=1)))
        yield worker.pid
    finally:
        worker.terminate()
        worker.wait(timeout=60)


def wait(is_done: Callable[[], bool]) -> None:
    """Poll until something is so.

    Raises:
        TimeoutError: it never was.
    """
    until = time.monotonic() + LONGEST
    while not is_done():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {LONGEST:g} seconds; the receiver has {receiver_counts()}")
        time.sleep(0.1)


def cpu_seconds(pid: int) -> float:
    """The processor's time of a process and its children so far."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_own(each) for each in (pid, *map(int, children)))


def _own(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
