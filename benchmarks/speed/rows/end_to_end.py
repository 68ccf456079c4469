"""From notices to settled statements with a real worker, and event-routing-backends on the same worker and receiver."""

from __future__ import annotations

import os
import time

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures
from benchmarks.speed.places import receiver_counts, reset_receiver
from benchmarks.speed.worker import cpu_seconds, running, wait

ROUTED = {"BENCH_EVENT_ROUTING": "1"}
# The goals: so many times what ERB does in batches, for this share of its processor's time; and tasks a statement.
LEAD, PROGRESS, TASKS = 4, 0.25, 0.05
# Enough for both processes to observe and to send: each imports what it needs with its first statement.
WARM = 1000


def ours(quick: bool) -> Figures:
    """Enrollments of learners who have done nothing yet: a notice and a statement each."""
    from demo.worker import app
    from percipio_openedx.models import Statement
    from percipio_openedx.tasks import run

    count = 3000 if quick else 4000
    world.forget_reports()
    reset_receiver(20)
    settled = Statement.objects.filter(state="delivered")
    with running() as worker:
        world.notices(WARM, world.IDLE)
        for _ in range(2):
            run.delay()
        wait(lambda: settled.count() == WARM)
        time.sleep(2)
        world.notices(count, world.IDLE + WARM)
        reset_receiver(20)
        tasks, cpu, began = _tasks_done(app), cpu_seconds(worker), time.perf_counter()
        for _ in range(2):
            run.delay()
        wait(lambda: settled.count() == count + WARM)
        seconds, cpu = time.perf_counter() - began, cpu_seconds(worker) - cpu
        if receiver_counts()["different"] != count:
            raise AssertionError(f"the receiver has {receiver_counts()} of {count}")
        tasks = _tasks_done(app) - tasks
    return {"per_second": count / seconds, "cpu_per_1000": cpu / count * 1000, "tasks": tasks / count}


def _tasks_done(app: object) -> int:
    answers = app.control.inspect(timeout=5).stats() or {}  # type: ignore[attr-defined]
    return sum(sum(stats["total"].values()) for stats in answers.values())


def _peer(count: int, warm: int, tail: int = 0) -> Figures:
    from event_routing_backends.models import RouterConfiguration
    from eventtracking import tracker

    from demo.worker import app

    reset_receiver(20)
    RouterConfiguration.objects.all().delete()
    RouterConfiguration.objects.create(
        enabled=True,
        backend_name="xAPI",
        route_url=f"{os.environ['BENCH_RECEIVER']}/xapi/",
        auth_scheme="Bearer",
        auth_key="t" * 200,
        configurations={},
    )
    with running() as worker:
        _emit(tracker, world.IDLE, warm)
        wait(lambda: receiver_counts()["statements"] >= warm - tail)
        reset_receiver(20)
        tasks, cpu, began = _tasks_done(app), cpu_seconds(worker), time.perf_counter()
        _emit(tracker, world.IDLE + warm, count)
        wait(lambda: receiver_counts()["statements"] >= count - tail)
        seconds, cpu = time.perf_counter() - began, cpu_seconds(worker) - cpu
        tasks = _tasks_done(app) - tasks
    sent = count - tail
    return {"per_second": sent / seconds, "cpu_per_1000": cpu / sent * 1000, "tasks": tasks / sent}


def _emit(tracker: object, first: int, count: int) -> None:
    for user in range(first, first + count):
        context = {"user_id": user, "course_id": world.COURSE, "org_id": world.ORG, "username": f"learner{user}"}
        with tracker.get_tracker().context("bench", context):  # type: ignore[attr-defined]
            data = {"course_id": world.COURSE, "user_id": user, "mode": "audit"}
            tracker.emit("edx.course.enrollment.activated", data)  # type: ignore[attr-defined]


def peer(quick: bool) -> Figures:
    """One request a statement: the default."""
    return _peer(30 if quick else 100, 10)


def peer_batched(quick: bool) -> Figures:
    """Batches of 100; the last hundred are not waited for, since a rest stays until a next event comes."""
    return _peer(600 if quick else 2100, 200, 100)


def lines(results: Results) -> list[Line]:
    """Ours against both; the goal is measured by ERB in batches."""
    own = results["ours", MARIADB]
    peers = {name: found for name in ("peer", "peer_batched") if (found := results.get((name, MARIADB)))}
    batched = peers.get("peer_batched")
    leads = batched is None or (
        own["per_second"] >= LEAD * batched["per_second"] and own["cpu_per_1000"] <= PROGRESS * batched["cpu_per_1000"]
    )
    return [
        Line(
            "notice to settled, worker of 2 processes, TLS 20 ms",
            f"{own['per_second']:.0f}/s, {own['cpu_per_1000']:.2f} CPU s/1000, {own['tasks']:.4f} tasks a statement",
            "ERB one by one, batched: " + ", ".join(_beside(one, own) for one in peers.values()),
            goal=f"{LEAD} times ERB batched for {PROGRESS} of its CPU s; {TASKS} tasks",
            met=leads and own["tasks"] <= TASKS,
        )
    ]


def _beside(peer: Figures, own: Figures) -> str:
    share = own["cpu_per_1000"] / peer["cpu_per_1000"]
    lead = own["per_second"] / peer["per_second"]
    return (
        f"{peer['per_second']:.0f}/s (ours {lead:.1f} times), {peer['cpu_per_1000']:.1f} CPU s (ours {share:.3f} of it)"
    )


CASES = {
    "ours": Case(ours, rounds=3),
    "peer": Case(peer, environment=ROUTED, rounds=2),
    "peer_batched": Case(peer_batched, environment={**ROUTED, "BENCH_PEER_BATCHING": "1"}, rounds=2),
}
ROW = Row("end_to_end", CASES, lines)
