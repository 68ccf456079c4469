"""The catalog of 10,000 course runs: a pass that finds nothing new, and sending all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, queries, whole
from benchmarks.speed.places import receiver_counts, reset_receiver

RUNS, RUNS_OF_QUICK = 10_000, 500
# Milliseconds from a request to its answer.
ROUND_TRIP = 20
SETTINGS = {
    "PERCIPIO_ORGANIZATION_ID": "bench",
    "PERCIPIO_CATALOG": "all visible",
    "PERCIPIO_CATALOG_PUSH": True,
}


def _offer(first: int, count: int) -> None:
    """So many course runs that an LMS shows in its catalog."""
    from opaque_keys.edx.keys import CourseKey
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    rows = []
    for number in range(first, first + count):
        key = CourseKey.from_string(f"course-v1:{world.ORG}+C{number}+2026")
        row = CourseOverview(
            id=key,
            version=CourseOverview.VERSION,
            _location=key.make_usage_key("course", "course"),
            org=world.ORG,
            display_name=f"Cloud Foundations {number}",
            start=world.BEGAN,
            end=world.BEGAN + timedelta(days=700),
            course_image_url=f"/asset-v1:{world.ORG}+C{number}+2026+type@asset+block@image.png",
            catalog_visibility="both",
            short_description=f"What number {number} teaches about clouds. " * 20,
            effort="3-5 hours",
            language="en",
        )
        rows.append(row)
    CourseOverview.objects.bulk_create(rows, batch_size=500)


def _pass() -> Any:
    """What a worker does once in ``PERCIPIO_CATALOG_INTERVAL``."""
    from percipio_openedx.catalog.push import push_due
    from percipio_openedx.models.destination import Destination
    from percipio_openedx.operations import sites

    Destination.objects.filter(is_catalog=True).update(compared_at=None)
    return push_due(sites.reporting().values())


def ours(quick: bool) -> Figures:
    """Send a tenth, compare it again; then all of them."""
    from django.conf import settings
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    from percipio_openedx.models.catalog import CatalogEntry, EntryState

    for name, value in SETTINGS.items():
        setattr(settings, name, value)
    CourseOverview.objects.all().delete()
    runs = RUNS_OF_QUICK if quick else RUNS
    asked = []
    for first, count in ((0, runs // 10), (runs // 10, runs - runs // 10)):
        _offer(first, count)
        reset_receiver(ROUND_TRIP)
        sent = whole(lambda: int(_pass().counts["sent"]))
        arrived = receiver_counts()
        if (sent["done"], arrived["statements"]) != (count, count):
            raise AssertionError(f"{sent['done']} sent and {arrived['statements']} arrived of {count}")
        with queries() as made:
            idle = whole(lambda: int(not _pass().counts))
        asked.append(len(made))
    if CatalogEntry.objects.filter(state=EntryState.DELIVERED).count() != runs:
        raise AssertionError("not all are in Percipio")
    return {
        "runs": runs,
        "idle": idle["seconds"],
        "queries_of_a_tenth": asked[0],
        "queries": asked[1],
        "per_second": sent["per_second"],
        "cpu_per_1000": sent["cpu_per_1000"],
        "requests": arrived["requests"],
    }


def lines(results: Results) -> list[Line]:
    """Two lines."""
    own = results["ours", MARIADB]
    return [
        Line(
            f"catalog of {own['runs']:.0f} course runs, nothing new",
            f"{own['idle']:.2f} s; {own['queries']:.0f} queries, {own['queries_of_a_tenth']:.0f} for a tenth",
            goal="under 2 s; the same number of queries",
            met=own["idle"] < 2 and own["queries"] == own["queries_of_a_tenth"],
        ),
        Line(
            f"the same, each sent, {ROUND_TRIP} ms, one worker",
            f"{own['per_second']:.1f}/s, {own['cpu_per_1000']:.1f} CPU s/1000",
            limit=f"{1000 / ROUND_TRIP:.0f}/s by the round trips",
            goal="half of what the round trips allow",
            met=own["per_second"] >= 500 / ROUND_TRIP,
        ),
    ]


ROW = Row("catalog", {"ours": Case(ours, rounds=1)}, lines)
