"""Hostile inputs by the hundred thousand: ``python -m benchmarks.fuzz --examples 200000 [--target 207]``.

Ends with 1, and prints the smallest input found, where a reader raises anything but its typed errors.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from hypothesis import HealthCheck, Phase, Verbosity, given, settings  # noqa: E402

from benchmarks.proof.hostile import TARGETS, Target  # noqa: E402


def main() -> int:
    """Fuzz the chosen targets; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100_000, help="inputs for each target")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="only this one; repeatable")
    chosen = parser.parse_args()
    return max(_fuzz(name, TARGETS[name], chosen.examples) for name in chosen.target or TARGETS)


def _fuzz(name: str, target: Target, examples: int) -> int:
    began, tried = time.monotonic(), 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def run(one: object) -> None:
        nonlocal tried
        tried += 1
        target.try_one(one)

    try:
        run()
    except Exception:  # noqa: BLE001 - what is looked for
        traceback.print_exc()
        print(f"{name:<14} FOUND something after {tried} inputs")
        return 1
    print(f"{name:<14} {tried} inputs, nothing found, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
