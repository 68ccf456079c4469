"""What the plugin adds to the start of an LMS process: the imports of its own modules, and what starts differ by."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures

WITHOUT = {"BENCH_WITHOUT_PLUGIN": "1"}
# Modules of others: event-tracking's backend that routes events, and its task, which the plugin takes out or quietens;
# Django's cache in the memory of a process.
OTHERS = 3
# Django set up, admin included, and the addresses loaded. The collector stays off: a full collection takes as long as
# two times the plugin's imports, and in which start there is one more, and in whose import it falls, is chance.
START = """
import gc; gc.disable()
import django; django.setup()
import json, sys, time
from importlib import import_module
from django.conf import settings
import_module(settings.ROOT_URLCONF)
ours = [name for name in sys.modules if name.startswith("percipio_openedx.")]
print(json.dumps({"cpu": time.process_time() * 1000, "modules": len(sys.modules), "ours": len(ours)}))
"""
# "import time: self [us] | cumulative | imported package", as CPython's option -X importtime writes it.
REPORTED = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+percipio_openedx(?:\.\S+)?$", re.MULTILINE)


def _started(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *options, "-c", START], capture_output=True, text=True, check=True)


def imports(quick: bool) -> Figures:
    """Milliseconds that our modules take, without what they import themselves."""
    times = [int(microseconds) for microseconds in REPORTED.findall(_started("-X", "importtime").stderr)]
    return {"ms": sum(times) / 1000, "modules": len(times)}


def start(quick: bool) -> Figures:
    """Milliseconds of the processor's time for the whole start, and the modules that are there after it."""
    figures: Figures = json.loads(_started().stdout)
    return figures


def lines(results: Results) -> list[Line]:
    """The imports, and for comparison the difference between whole starts, which is small beside its noise."""
    own, with_it, without = (results[name, MARIADB] for name in ("imports", "with", "without"))
    others = with_it["modules"] - without["modules"] - (with_it["ours"] - without["ours"])
    added = with_it["cpu"] - without["cpu"]
    return [
        Line(
            "LMS start-up",
            f"{own['ms']:.0f} ms of import time, {own['modules']:.0f} modules of ours, {others:.0f} of others; "
            f"whole starts differ by {added:.0f} ms CPU",
            limit=f"without {without['cpu']:.0f} ms CPU",
            goal=f"at most 100 ms of import time, {OTHERS} modules of others",
            met=own["ms"] <= 100 and others <= OTHERS,
        )
    ]


ROW = Row(
    "startup",
    {
        "imports": Case(imports, least=9),
        "with": Case(start, least=9),
        "without": Case(start, environment=WITHOUT, least=9),
    },
    lines,
)
