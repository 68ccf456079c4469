"""Back-fill: something to report against nothing to report, memory, and how it grows."""

from __future__ import annotations

import resource
import threading

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, whole


def ours(quick: bool) -> Figures:
    """Everybody who enrolled in one course run; then the same once more, when all is reported."""
    from demo.learning.costs import CALLS
    from percipio_openedx.operations.backfill import Backfill, begin
    from percipio_openedx.operations.scope import Scope

    world.forget_reports()
    scope = Scope(course_keys=(world.PAST,))

    def fill() -> int:
        backfill = Backfill(scope, begin(scope), threading.Event())
        backfill.work()
        return world.PAST_LEARNERS

    CALLS.clear()
    first = whole(fill)
    again = whole(fill)
    asked = CALLS["calculate_progress_for_learner_in_course"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "per_second": first["per_second"],
        "cpu": first["cpu_per_1000"],
        "again": again["cpu_per_1000"],
        "memory": memory,
        "asked": asked,
    }


def lines(results: Results) -> list[Line]:
    """One line."""
    own = results["ours", MARIADB]
    share = own["again"] / own["cpu"]
    return [
        Line(
            "back-fill, one statement each",
            f"{own['per_second']:.0f}/s, {own['cpu']:.2f} CPU s/1000; nothing new {share:.2f} of it; "
            f"{own['memory']:.0f} MB at most",
            goal="nothing new at most 0.1; under 200 MB",
            met=share <= 0.1 and own["memory"] < 200,
        )
    ]


ROW = Row("history", {"ours": Case(ours, rounds=1)}, lines)
