"""What a signal costs inside the learner's request, in an open transaction."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from benchmarks.speed.case import BOTH, SQLITE, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, each, queries
from benchmarks.speed.world import COURSE

PEER = {"BENCH_EVENT_ROUTING": "1"}
# Microseconds of a call that does nothing.
IDLE = 24


def _count(quick: bool) -> int:
    return 500 if quick else 3000


def _transaction(call: Any, quick: bool) -> Figures:
    """Calls in one open transaction after another, as many as a request might hold, and the queries of one call."""
    from django.db import transaction

    with transaction.atomic():
        with queries() as asked:
            call(0)
        figures = each(call, _count(quick))
        transaction.set_rollback(True)
    return {**figures, "queries": len(asked)}


def ours(quick: bool) -> Figures:
    """The receiver of a block completion, as the signal calls it."""
    from opaque_keys.edx.keys import CourseKey

    from percipio_openedx.capture.notices import block_completed

    key = CourseKey.from_string(COURSE)
    return _transaction(
        lambda number: block_completed(sender=None, instance=SimpleNamespace(user_id=number + 1, context_key=key)),
        quick,
    )


def insert(quick: bool) -> Figures:
    """A plain ORM insert of such a row."""
    from percipio_openedx.models import Notice

    def save(number: int) -> None:
        Notice.objects.create(user_id=number + 1, course_key=COURSE, reason="completion", noticed_at=datetime.now(UTC))

    return _transaction(save, quick)


def idle(quick: bool) -> Figures:
    """Nothing at all, for about as long as our call on SQLite: what the machine itself adds now and then."""
    _spin(100_000)
    began = time.perf_counter_ns()
    _spin(100_000)
    turns = round(IDLE * 1000 / ((time.perf_counter_ns() - began) / 100_000))
    return each(lambda _: _spin(turns), _count(quick))


def _spin(turns: int) -> None:
    for _ in range(turns):
        pass


def peer(quick: bool) -> Figures:
    """event-routing-backends: ``tracker.emit`` with the recommended settings."""
    from eventtracking import tracker

    import demo.worker  # noqa: F401 - the application that publishes

    def emit(number: int) -> None:
        data = {"course_id": COURSE, "user_id": number + 1, "mode": "audit"}
        with tracker.get_tracker().context("bench", {"user_id": number + 1, "course_id": COURSE, "org_id": "BenchX"}):
            tracker.emit("edx.course.enrollment.activated", data)

    return _transaction(emit, quick)


def lines(results: Results) -> list[Line]:
    """For each database; the peer is the same on both."""
    found = []
    still = results.get(("idle", SQLITE))
    for database in BOTH:
        own, plain, emit = (results.get((name, database)) for name in ("ours", "insert", "peer"))
        if own is None or plain is None:
            continue
        by_peer = f"tracker.emit {emit['p50']:.0f} µs ({own['p50'] / emit['p50']:.2f})" if emit else ""
        ratio, tail = own["p50"] / plain["p50"], own["p99"] / own["p50"]
        found.append(
            Line(
                f"signal in the request, {database}",
                f"p50 {own['p50']:.0f} µs, {ratio:.2f} of an insert; {own['queries']:.0f} query",
                by_peer,
                f"ORM insert {plain['p50']:.0f} µs",
                "at most 1.3 of an insert, 0.5 of emit",
                ratio <= 1.3 and (emit is None or own["p50"] <= 0.5 * emit["p50"]),
            )
        )
        machine = still["p99"] - still["p50"] if still else 0.0
        nothing = (
            f"; the machine adds {machine:.0f} µs to a call of {still['p50']:.0f} that does nothing" if still else ""
        )
        found.append(
            Line(
                f"its slow ones, {database}",
                f"p99 {own['p99']:.0f} µs, {tail:.1f} of p50",
                f"{emit['p99'] / emit['p50']:.1f}" if emit else "",
                f"{plain['p99'] / plain['p50']:.1f}{nothing}",
                "at most 2.5 of p50, beside what the machine adds",
                own["p99"] - machine <= 2.5 * own["p50"],
            )
        )
    return found


ROW = Row(
    "capture",
    {
        "ours": Case(ours, BOTH, least=9),
        "insert": Case(insert, BOTH, least=9),
        "idle": Case(idle, (SQLITE,), least=9),
        "peer": Case(peer, BOTH, PEER),
    },
    lines,
)
