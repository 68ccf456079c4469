"""Hostile inputs by the hundred thousand: ``python -m benchmarks.fuzz --examples 200000 [--target 207]``.

Ends with 1, and prints the smallest input found, where a reader raises anything but its typed errors. With
``--engine atheris`` (``pip install atheris``) the pure readers get inputs that are led by the coverage of our code.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.test import utils  # noqa: E402
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings  # noqa: E402

from benchmarks.proof.guided import READERS  # noqa: E402
from benchmarks.proof.hostile import TARGETS, Target  # noqa: E402
from benchmarks.proof.hostile_pages import PAGES  # noqa: E402

ROUND = 5_000


def main() -> int:
    """Fuzz the chosen targets; 0 when nothing was found."""
    # Every refusal of the statement resource would be a line.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100_000, help="inputs for each target")
    parser.add_argument("--target", choices=[*TARGETS, *PAGES], action="append", help="only this one; repeatable")
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    chosen = parser.parse_args()
    if chosen.engine == "atheris":
        if importlib.util.find_spec("atheris") is None:
            parser.error("atheris is not installed: pip install atheris")
        return max(_guided(name, chosen.examples) for name in chosen.target or READERS)
    return max(_fuzz(name, chosen.examples) for name in chosen.target or [*TARGETS, *PAGES])


def _guided(name: str, examples: int) -> int:
    if name not in READERS:
        print(f"{name:<14} is no pure reader; atheris is for {', '.join(READERS)}")
        return 0
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.proof.guided", name, str(examples)]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        print(ended.stderr)
    words = "FOUND something" if ended.returncode else f"{examples} inputs led by coverage, nothing found"
    print(f"{name:<14} {words}, {time.monotonic() - began:.0f} s", flush=True)
    return int(ended.returncode != 0)


def _fuzz(name: str, examples: int) -> int:
    if name in TARGETS:
        return _tried(name, TARGETS[name], examples)
    utils.setup_test_environment()
    databases = utils.setup_databases(verbosity=0, interactive=False)
    try:
        return _tried(name, PAGES[name](), examples)
    finally:
        utils.teardown_databases(databases, verbosity=0)
        utils.teardown_test_environment()


def _tried(name: str, target: Target, examples: int) -> int:
    began, tried = time.monotonic(), 0

    def try_one(one: object) -> None:
        nonlocal tried
        tried += 1
        target.try_one(one)

    try:
        while tried < examples:
            _round(target, min(ROUND, examples - tried), try_one)
    except Exception:  # noqa: BLE001 - what is looked for
        traceback.print_exc()
        print(f"{name:<14} FOUND something after {tried} inputs")
        return 1
    print(f"{name:<14} {tried} inputs, nothing found, {time.monotonic() - began:.0f} s", flush=True)
    return 0


def _round(target: Target, examples: int, try_one: Callable[[object], None]) -> None:
    """So many inputs from a seed of its own. Hypothesis remembers all inputs of a round, and slows down with them."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @seed(random.SystemRandom().getrandbits(64))
    @given(target.inputs)
    def run(one: object) -> None:
        try_one(one)

    run()


if __name__ == "__main__":
    sys.exit(main())
