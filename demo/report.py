"""What the demo LMS knows: what arrives, what is reported of whom, who is held. Reads the plugin's rows by name."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from isodate import parse_duration
from tqdm import tqdm

SETTLED = ("delivered", "parked", "discarded", "skipped")

# Learners that are listed, and names in a line and letters of a name; a larger class is summed up.
MOST, FEW, LONGEST_NAME = 40, 6, 20


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
    people, times = _people(), _times()
    rows = list(_model("LearnerCourse").objects.order_by("user_id", "course_key"))
    lines = [
        (
            people.get(row.user_id, "?"),
            row.course_key,
            row.account,
            "yes" if row.reported_started else "",
            f"{row.reported_percent} %" if row.reported_percent else "",
            times.get(row.pk, ""),
            "yes" if row.reported_passed else "",
            "yes" if row.reported_completed else "",
            row.hold_reason.replace("_", " "),
        )
        for row in rows[:MOST]
    ]
    print()
    heads = ("learner", "course run", "account", "started", "progress", "time", "passed", "completed")
    table((*heads, "not reported because"), lines)
    if len(rows) > MOST:
        print(f"… and {len(rows) - MOST} more")


def _times() -> dict[int, str]:
    """The time on task that was reported last, in hours and minutes, by the row of the learner in the course."""
    found = {}
    rows = _model("Statement").objects.order_by("learner_course_id", "sequence")
    for row, body in rows.values_list("learner_course_id", "body"):
        if duration := json.loads(bytes(body)).get("result", {}).get("duration"):
            minutes = round(parse_duration(duration).total_seconds() / 60)
            found[row] = f"{minutes // 60}:{minutes % 60:02} h"
    return found


def show_outcome() -> None:
    """Counts by site and account."""
    found = Counter(
        _model("Statement").objects.values_list(
            "destination__site_id", "destination__account", "state", "learner_course__user_id"
        )
    )
    statements: Counter[tuple[int, str, str]] = Counter()
    learners: dict[tuple[int, str, str], set[int]] = defaultdict(set)
    for (*place, user_id), count in found.items():
        statements[tuple(place)] += count
        learners[tuple(place)].add(user_id)
    sites = _sites()
    lines = [
        (sites.get(site, str(site)), account, state, str(len(learners[site, account, state])), str(count))
        for (site, account, state), count in sorted(statements.items())
    ]
    print()
    table(("site", "account", "state", "learners", "statements"), lines)


def show_catalog() -> None:
    """What Percipio knows of each site's courses, by account."""
    found = Counter(_model("CatalogEntry").objects.values_list("destination__site_id", "destination__account", "state"))
    sites = _sites()
    lines = [(sites.get(site, str(site)), *rest, str(count)) for (site, *rest), count in sorted(found.items())]
    print("\nThe catalog, as Percipio has it:")
    table(("site", "account", "state", "courses"), lines)


def show_held() -> None:
    """Who is held back at each site, and why."""
    people, sites = _people(), _sites()
    held: dict[tuple[int, str, str], set[int]] = defaultdict(set)
    rows = _model("LearnerCourse").objects.exclude(hold_reason="")
    for user_id, *place in rows.values_list("user_id", "site_id", "account", "hold_reason"):
        held[tuple(place)].add(user_id)
    lines = [
        (sites.get(site, str(site)), account, reason.replace("_", " "), str(len(users)), _some(users, people))
        for (site, account, reason), users in sorted(held.items(), key=str)
    ]
    print("\nHeld back, so that nobody is told of them:")
    table(("site", "account", "because", "learners", "who"), lines)


def _some(users: set[int], people: dict[int, str]) -> str:
    # A retired learner's name is long and says nothing.
    names = [
        f"{name[:LONGEST_NAME]}…" if len(name) > LONGEST_NAME else name
        for name in map(people.get, sorted(users))
        if name
    ]
    return ", ".join(names[:FEW]) + (", …" if len(names) > FEW else "")


def _people() -> dict[int, str]:
    return dict(get_user_model().objects.values_list("pk", "username"))


def _sites() -> dict[int, str]:
    return dict(apps.get_model("sites", "Site").objects.values_list("pk", "domain"))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for number, line in enumerate(lines):
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  " + "  ".join("─" * width for width in widths))
