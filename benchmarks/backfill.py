"""A back-fill of history at size: does its rate hold, and does its memory stay?

``python -m benchmarks.backfill --size 100000 --size 300000`` fills a MariaDB of its own with so many learners in
courses (10,000 learners, each in as many course runs as it takes), of whom nothing was reported, lets a process of its
own report them all as ``percipio_backfill`` does, and prints the rate of the first and the last tenth and the most
memory it took. "Again" is the same history once more, when all of it is reported. With ``--killed`` that process is
killed half-way, in the middle of an observation, and another goes on: how long does it take until it has observed
somebody, and is each reported once? Those under observation when it was killed are left to a worker, which the suite
has none of.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB
from benchmarks.speed.places import ROOT, Places, made

if TYPE_CHECKING:
    from percipio_openedx.operations.scope import Scope

PARTS = 10
# Seconds, less than an observation of two hundred learners takes.
INTO_AN_OBSERVATION = 0.05


def main() -> None:
    """Measure each size, the smallest first."""
    parser = argparse.ArgumentParser(description="A back-fill at size: rate, linearity, memory.")
    parser.add_argument("--size", type=int, action="append", help="learners in courses; repeatable (100000)")
    parser.add_argument("--database", default="", help="the URL of a MariaDB server, without a name, instead of an own")
    parser.add_argument("--killed", action="store_true", help="kill it half-way, and time what goes on instead")
    parser.add_argument("--step", choices=tuple(STEPS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = sorted(options.size or [100_000])
    if options.step:
        _step(options.step, sizes[0])
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for line in KILLED if options.killed else WHOLE:
        print(line)
    with made(options.database, (MARIADB,)) as places:
        for size in sizes:
            _run(places, "fill", size)
            if options.killed:
                print(_killed_line(size, _killed(places, size)), flush=True)
            else:
                print(_line(size, json.loads(_run(places, "report", size))), flush=True)


def _command(step: str, size: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.backfill", "--step", step, "--size", str(size)]


def _run(places: Places, step: str, size: int) -> str:
    """One step in a process of its own, so that its memory is its own. Returns the last line that it printed."""
    environment = places.environment(MARIADB)
    done = subprocess.run(_command(step, size), cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().strip().rpartition("\n")[2]


def _killed(places: Places, size: int) -> dict[str, float]:
    """What went on when the first process was gone."""
    environment = places.environment(MARIADB)
    with subprocess.Popen(_command("half", size), cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is not None and process.stdout.readline():
                time.sleep(INTO_AN_OBSERVATION)
        finally:
            process.kill()
    if process.returncode != -signal.SIGKILL:
        raise AssertionError(f"it ended with {process.returncode} before it was killed")
    began = time.time()
    found: dict[str, float] = json.loads(_run(places, "rest", size))
    return {**found, "seconds": found["first"] - began}


def _line(size: int, found: dict[str, float]) -> str:
    tenths = f"{found['first']:.0f}, {found['last']:.0f}"
    cpu = f"{found['cpu']:.2f} | {found['again']:.3f}"
    return f"| {size:,} | {found['rate']:.0f} | {tenths} | {cpu} | {found['memory']:.0f} |"


def _killed_line(size: int, found: dict[str, float]) -> str:
    counts = f"{found['before']:,} | {found['reported']:,} | {found['left']:,}"
    return f"| {size:,} | {found['seconds']:.1f} | {counts} |"


def _step(step: str, size: int) -> None:
    import django

    django.setup()
    found = STEPS[step](size)
    if found:
        print(json.dumps(found))


def _courses(size: int) -> list[str]:
    return [f"course-v1:{world.ORG}+PAST{number}+{size}" for number in range(-(-size // world.LEARNERS))]


def _scope(size: int) -> Scope:
    from percipio_openedx.operations.scope import Scope

    return Scope(course_keys=tuple(_courses(size)))


def _fill(size: int) -> dict[str, float]:
    """Enrollments alone, of the learners that are there already, in further course runs."""
    from common.djangoapps.student.models import CourseEnrollment
    from opaque_keys.edx.keys import CourseKey

    for number, course_key in enumerate(_courses(size)):
        key = CourseKey.from_string(course_key)
        world._course(course_key)
        learners = range(world.FIRST, world.FIRST + min(world.LEARNERS, size - number * world.LEARNERS))
        rows = [CourseEnrollment(user_id=n, course_id=key, is_active=True, mode="audit") for n in learners]
        world._insert(CourseEnrollment, rows)
    return {}


def _report(size: int) -> dict[str, float]:
    from percipio_openedx.models import Statement
    from percipio_openedx.operations.backfill import Backfill, begin

    world.forget_reports()
    scope = _scope(size)
    times, observed = [time.perf_counter()], 0

    def note(count: int) -> None:
        nonlocal observed
        observed += count
        if observed * PARTS >= size * len(times):
            times.append(time.perf_counter())

    run = begin(scope)
    cpu = time.process_time()
    work = Backfill(scope, run, threading.Event(), on_walked=note)
    work.work()
    cpu = time.process_time() - cpu
    if (run.observed, run.statements, Statement.objects.count()) != (size, size, size):
        raise AssertionError(f"observed={run.observed} statements={run.statements} of {size}")
    again = _again(scope)
    part = size / PARTS
    return {
        "rate": size / (times[-1] - times[0]),
        "first": part / (times[1] - times[0]),
        "last": part / (times[-1] - times[-2]),
        "cpu": cpu / size * 1000,
        "again": again / size * 1000,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _again(scope: Scope) -> float:
    """Return the CPU seconds of the same once more, with nothing new to report."""
    from percipio_openedx.operations.backfill import Backfill, begin

    run = begin(scope)
    work = Backfill(scope, run, threading.Event())
    cpu = time.process_time()
    work.work()
    cpu = time.process_time() - cpu
    if run.statements:
        raise AssertionError(f"statements={run.statements}, and all was reported")
    return cpu


def _half(size: int) -> dict[str, float]:
    """Says when half of it is done, and goes on until it is killed."""
    from percipio_openedx.operations.backfill import Backfill, begin

    world.forget_reports()
    scope = _scope(size)
    observed = 0

    def note(count: int) -> None:
        nonlocal observed
        if observed < size / 2 <= observed + count:
            print("half", flush=True)
        observed += count

    work = Backfill(scope, begin(scope), threading.Event(), on_walked=note)
    work.work()
    return {}


def _rest(size: int) -> dict[str, float]:
    """What the command does when it is called again. ``first`` is the time of day when it had observed somebody."""
    from percipio_openedx.models import Notice, Statement
    from percipio_openedx.operations.backfill import Backfill, unfinished

    scope = _scope(size)
    run = unfinished(scope)
    if run is None:
        raise AssertionError("the run that was killed is not there")
    first, before = 0.0, run.observed

    def note(_count: int) -> None:
        nonlocal first
        first = first or time.time()

    work = Backfill(scope, run, threading.Event(), on_walked=note)
    work.work()
    statements = Statement.objects.count()
    reported = set(Statement.objects.values_list("learner_course__user_id", "learner_course__course_key"))
    left = set(Notice.objects.values_list("user_id", "course_key"))
    if statements != len(reported) or reported & left or len(reported) + len(left) != size:
        raise AssertionError(f"statements={statements} reported={len(reported)} left={len(left)} of {size}")
    return {"first": first, "before": before, "reported": len(reported), "left": len(left)}


STEPS: dict[str, Callable[[int], dict[str, float]]] = {
    "fill": _fill,
    "report": _report,
    "half": _half,
    "rest": _rest,
}
WHOLE = (
    "| learners in courses | a second | first and last tenth, a second | CPU s for 1,000 | again | MB at most |",
    "| --- | --- | --- | --- | --- | --- |",
)
KILLED = (
    "| learners in courses | seconds until it observes again | observed before | reported | left to a worker |",
    "| --- | --- | --- | --- | --- |",
)

if __name__ == "__main__":
    main()
