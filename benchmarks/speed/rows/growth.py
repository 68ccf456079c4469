"""The statement table as it grows: what the queue's queries read and how long they take. Plans on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

from benchmarks import pull
from benchmarks.pull import handler_reads
from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures

SMALL, MIDDLE, LARGE = 20_000, 200_000, 1_000_000
WAITING = 1000


def _fill(size: int) -> None:
    """As for the pull resource, but ten statements of each learner in a course."""
    pull.INSERT = pull.INSERT.replace("UUID(), 1, n,", "UUID(), n DIV 10 + 1, n MOD 10,")
    pull.fill(size)


def _at(size: int) -> Figures:
    from django.db import connection

    from percipio_openedx.delivery import claim as claims
    from percipio_openedx.delivery.dispatcher import _first_due, _ready
    from percipio_openedx.models import Destination, Statement
    from percipio_openedx.transactions import without_gap_locks

    world.forget_reports()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM percipio_openedx_statementledger")
    _fill(size)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE percipio_openedx_statement SET state = 'waiting' WHERE id > %s AND sequence = 9",
            [size - 10 * WAITING],
        )
    now, lease = datetime.now(UTC), uuid4()
    figures: Figures = {"size": size}
    claimed: list[int] = []

    def claim() -> None:
        claimed.extend(row.pk for row in claims.claim(1, lease, now, 500, 60.0))

    def settle() -> None:
        with without_gap_locks():
            Statement.objects.filter(pk__in=claimed).held_by(lease).accept(now, 200, "")

    steps: dict[str, Callable[[], object]] = {
        "ready": partial(_ready, now),
        "first_due": partial(_first_due, now),
        "claim": claim,
        "settle": settle,
        "recover": partial(claims.recover, now - timedelta(days=1)),
        "next_recovery": claims.next_recovery,
    }
    for name, step in steps.items():
        reads, began = handler_reads(), time.perf_counter()
        step()
        figures[name] = (time.perf_counter() - began) * 1000
        figures[f"{name}_reads"] = handler_reads() - reads
    if len(claimed) != 500:
        raise AssertionError(f"{len(claimed)} were claimed")
    _plans(Destination, Statement, now)
    return figures


def _plans(destinations: object, statements: object, now: datetime) -> None:
    due = statements.objects.filter(destination_id=1).due(now).heads_of_line()  # type: ignore[attr-defined]
    queries = {
        "claim": due.order_by("due_at", "id").values_list("pk", flat=True)[:500],
        "expired": statements.objects.expired(now).order_by("leased_until").values_list("pk", flat=True)[:1000],  # type: ignore[attr-defined]
    }
    for name, query in queries.items():
        print(f"EXPLAIN {name}\n{query.explain()}", file=sys.stderr)


def small(quick: bool) -> Figures:
    """20,000 statements."""
    return _at(SMALL)


def large(quick: bool) -> Figures:
    """A million statements; 200,000 where it has to be quick."""
    return _at(MIDDLE if quick else LARGE)


def lines(results: Results) -> list[Line]:
    """For each query: rows read at each size; flat is at most half as much again."""
    found = []
    found_at = [results[name, MARIADB] for name in ("small", "large") if (name, MARIADB) in results]
    sizes = " and ".join(f"{figures['size']:,.0f}" for figures in found_at)
    for step in ("ready", "first_due", "claim", "settle", "recover", "next_recovery"):
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
