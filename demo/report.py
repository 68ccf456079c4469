"""What the demo shows: how statements arrive, and what Percipio then knows of whom. Reads the plugin's rows by name."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from tqdm import tqdm

SETTLED = ("delivered", "parked", "discarded", "skipped")

# Learners that are listed; a larger class is summed up.
MOST = 40


def _model(name: str) -> Any:
    return apps.get_model("percipio_openedx", name)


def follow(patience: float) -> bool:
    """Show the statements arriving until nothing is left to observe or to send; False if that takes too long."""
    until = time.monotonic() + patience
    quiet, shown = 0, -1
    with tqdm(desc="  arriving", unit=" statements", dynamic_ncols=True, disable=None) as bar:
        while time.monotonic() < until:
            statements = _model("Statement").objects
            total, arrived = statements.count(), statements.filter(state__in=SETTLED).count()
            bar.total, bar.n = total, arrived
            bar.refresh()
            if bar.disable and arrived != shown:
                # No terminal, as in a build log: a line for each change.
                print(f"  arriving: {arrived} of {total} statements", flush=True)
                shown = arrived
            quiet = quiet + 1 if arrived == total and not _model("Notice").objects.exists() else 0
            if quiet >= 3:
                return True
            time.sleep(0.3)
    return False


def show_learners() -> None:
    """A line for each learner and course: what was reported to Percipio, or why nothing."""
    people = dict(get_user_model().objects.values_list("pk", "username"))
    rows = list(_model("LearnerCourse").objects.order_by("user_id", "course_key"))
    lines = [
        (
            people.get(row.user_id, "?"),
            row.course_key,
            "yes" if row.reported_started else "",
            f"{row.reported_percent} %" if row.reported_percent else "",
            "yes" if row.reported_passed else "",
            "yes" if row.reported_completed else "",
            row.hold_reason.replace("_", " "),
        )
        for row in rows[:MOST]
    ]
    print()
    _table(("learner", "course run", "started", "progress", "passed", "completed", "not reported because"), lines)
    if len(rows) > MOST:
        print(f"… and {len(rows) - MOST} more")


def show_outcome() -> None:
    """Counts by site."""
    states = Counter(_model("Statement").objects.values_list("site_id", "state"))
    sites = dict(apps.get_model("sites", "Site").objects.values_list("pk", "domain"))
    print()
    _table(("site", "state", "statements"), [(sites.get(s, str(s)), state, str(n)) for (s, state), n in states.items()])


def show_received(statements: Path, track_records: Path) -> None:
    """What is in the sandbox's files."""
    kinds = Counter(_lines(statements, lambda body: f"statement: {body['verb']['display']['en-US']}"))
    kinds.update(_lines(track_records, lambda body: f"Track record: {body['status']}"))
    print(f"\nWhat arrived, in this run or an earlier, a line each in {statements.name} and {track_records.name}:")
    _table(("what", "how many"), [(kind, str(count)) for kind, count in sorted(kinds.items())])


def compare(since: datetime, statements: Path, seen: int, track_records: Path, seen_records: int) -> int:
    """Hold what the LMS takes for delivered in this run against what arrived in it, and say so.

    Arguments:
        since: when the run began.
        statements: the sandbox's file of statements, of which the first ``seen`` lines are older.
        track_records: that of Track records, of which the first ``seen_records`` are older.

    Returns:
        How many were delivered and have not arrived.
    """
    rows = _model("Statement").objects.filter(state="delivered", settled_at__gte=since)
    delivered = {str(uuid) for uuid in rows.values_list("uuid", flat=True)}
    arrived = set(_lines(statements, lambda body: str(body["id"]))[seen:])
    # A Track record has no id: as many have to be there as are left.
    records = len(_lines(track_records, lambda _: "")) - seen_records
    missing = max(0, len(delivered - arrived) - records)
    print(f"\nDelivered in this run, as the LMS holds: {len(delivered)}. Arrived: {len(arrived) + records}.", end=" ")
    print(f"{missing} of them never arrived." if missing else "Nothing is missing.")
    return missing


def _lines(path: Path, name: Callable[[dict[str, Any]], str]) -> list[str]:
    if not path.exists():
        return []
    # Not splitlines(): a text may hold separators that it takes for the end of a line.
    return [name(json.loads(line)) for line in path.read_text(encoding="utf-8").split("\n") if line]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for number, line in enumerate(lines):
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  " + "  ".join("─" * width for width in widths))
