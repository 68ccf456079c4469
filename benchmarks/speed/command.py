"""The command line: which rows, how often, and the table."""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict

from benchmarks.speed.case import BOTH, MARIADB, Line
from benchmarks.speed.measure import Figures
from benchmarks.speed.places import ROOT, Places, made
from benchmarks.speed.rows import NAMES
from benchmarks.speed.rows import row as row_of

# Seconds that one measurement may take.
LONGEST = 900
MARKS = {True: "met", False: "NOT met", None: ""}


def main() -> None:
    """Measure in interleaved rounds, and print the median of each measurement."""
    options = _options()
    # Whoever ends this ends its servers, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = [name for name in NAMES if not options.only or name in options.only]
    databases = (MARIADB,) if all(_only_mariadb(name) for name in names) else BOTH
    with made(options.database, databases) as places:
        samples = _measured(places, names, options)
    results = {key: {row: _median(found) for row, found in kinds.items()} for key, kinds in samples.items()}
    lines = [line for name in names if name in results for line in row_of(name).lines(results[name])]
    if options.json:
        print(json.dumps({"lines": [asdict(line) for line in lines], "figures": _plain(results)}, indent=2))
    else:
        _print(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Ours, the peer's way, the limit.")
    parser.add_argument("--quick", action="store_true", help="one round of smaller measurements")
    parser.add_argument("--only", action="append", choices=list(NAMES), metavar="ROW", help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="all figures, for a program")
    parser.add_argument("--database", default="", help="the URL of a MariaDB server, without a name, instead of an own")
    return parser.parse_args()


def _only_mariadb(name: str) -> bool:
    return all(case.databases == (MARIADB,) for case in row_of(name).cases.values())


def _measured(
    places: Places, names: list[str], options: argparse.Namespace
) -> dict[str, dict[tuple[str, str], list[Figures]]]:
    samples: dict[str, dict[tuple[str, str], list[Figures]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        cases = row_of(name).cases
        rounds = {each: case.repeated(options.rounds, quick=options.quick) for each, case in cases.items()}
        for number in range(max(rounds.values())):
            for case_name, case in cases.items():
                if number >= rounds[case_name]:
                    continue
                for database in case.databases:
                    found = _run(places, name, case_name, database, options.quick)
                    if found is not None:
                        samples[name][case_name, database].append(found)
    return samples


def _run(places: Places, row: str, name: str, database: str, quick: bool) -> Figures | None:
    environment = {**places.environment(database), **row_of(row).cases[name].environment}
    pace = "quick" if quick else "whole"
    command = [sys.executable, "-m", "benchmarks.speed.child", row, name, pace]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        print(f"{row} {name} {database} failed:\n{done.stderr[-3000:]}", file=sys.stderr)
        return None
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    shown = " ".join(f"{key}={value:.4g}" for key, value in figures.items())
    print(f"{row} {name} {database}: {shown}", file=sys.stderr)
    return figures


def _median(samples: list[Figures]) -> Figures:
    return {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}


def _plain(results: dict[str, dict[tuple[str, str], Figures]]) -> dict[str, Figures]:
    return {
        f"{row} {case} {database}": figures
        for row, found in results.items()
        for (case, database), figures in found.items()
    }


def _print(lines: list[Line]) -> None:
    print("| what | ours | the peer's way | limit | goal | |")
    print("| --- | --- | --- | --- | --- | --- |")
    for line in lines:
        print(f"| {line.what} | {line.ours} | {line.peer} | {line.limit} | {line.goal} | {MARKS[line.met]} |")
