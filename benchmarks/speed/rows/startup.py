"""What the plugin adds to the start of an LMS process: the processor's time, with it and without it."""

from __future__ import annotations

import sys
import time

from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures

WITHOUT = {"BENCH_WITHOUT_PLUGIN": "1"}


def start(quick: bool) -> Figures:
    """Django set up, admin included, and the addresses loaded; the process has done nothing else."""
    from importlib import import_module

    from django.conf import settings

    import_module(settings.ROOT_URLCONF)
    ours = [name for name in sys.modules if name.startswith("percipio_openedx.")]
    return {"cpu": time.process_time() * 1000, "modules": len(sys.modules), "ours": len(ours)}


def lines(results: Results) -> list[Line]:
    """The difference."""
    own, without = results["with", MARIADB], results["without", MARIADB]
    added = own["cpu"] - without["cpu"]
    return [
        Line(
            "LMS start-up",
            f"{added:.0f} ms more CPU ({own['ours']:.0f} modules of ours, "
            f"{own['modules'] - without['modules'] - own['ours']:.0f} of others)",
            limit=f"without {without['cpu']:.0f} ms",
            goal="at most 50 ms",
            met=added <= 50,
        )
    ]


ROW = Row("startup", {"with": Case(start, rounds=9), "without": Case(start, environment=WITHOUT, rounds=9)}, lines)
