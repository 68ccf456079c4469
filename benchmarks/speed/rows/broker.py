"""What a broker that refuses, or hangs, costs a request."""

from __future__ import annotations

import os
import socket
import time

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, each
from demo.ports import free_ports

ROUTED = {"BENCH_EVENT_ROUTING": "1"}


def _requests(quick: bool) -> Figures:
    """Requests that note one thing and commit; ``first`` is the one that finds the broker down."""
    from django.db import transaction

    import demo.worker  # noqa: F401 - the application that publishes
    from percipio_openedx.capture import notices, wake
    from percipio_openedx.models.learner_course import Reason

    def request(number: int) -> None:
        with transaction.atomic():
            notices.append(number + 1, world.COURSE, Reason.ENROLLMENT)
            wake.on_commit()

    wake.waker.forget()
    began = time.perf_counter()
    request(0)
    first = (time.perf_counter() - began) * 1e6
    return {**each(request, 200 if quick else 1000), "first": first}


def _use(port: int) -> None:
    from django.conf import settings

    settings.BROKER_URL = os.environ["CELERY_BROKER_URL"] = f"redis://127.0.0.1:{port}/0"


def well(quick: bool) -> Figures:
    """A broker that answers."""
    return _requests(quick)


def refusing(quick: bool) -> Figures:
    """Nobody listens."""
    _use(free_ports())
    return _requests(quick)


def hanging(quick: bool) -> Figures:
    """Somebody listens and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        _use(silent.getsockname()[1])
        return _requests(quick)


def peer_refusing(quick: bool) -> Figures:
    """event-routing-backends: ``tracker.emit`` while nobody listens."""
    import logging

    _use(free_ports())
    from eventtracking import tracker

    import demo.worker  # noqa: F401

    logging.disable(logging.CRITICAL)
    context = {"user_id": world.FIRST, "course_id": world.COURSE, "org_id": world.ORG}
    began = time.perf_counter()
    with tracker.get_tracker().context("bench", context):
        tracker.emit("edx.course.enrollment.activated", {"course_id": world.COURSE, "user_id": world.FIRST})
    return {"each": (time.perf_counter() - began) * 1e6}


def lines(results: Results) -> list[Line]:
    """Both troubles against a broker that is well."""
    well_one, emit = results["well", MARIADB], results.get(("peer_refusing", MARIADB))
    found = []
    for trouble in ("refusing", "hanging"):
        own = results[trouble, MARIADB]
        more = (own["p50"] - well_one["p50"]) / 1000
        found.append(
            Line(
                f"broker {trouble}",
                f"{more:+.2f} ms at p50; the request that finds out {own['first'] / 1000:.1f} ms",
                f"tracker.emit {emit['each'] / 1000:.0f} ms, each" if emit and trouble == "refusing" else "",
                f"well: p50 {well_one['p50'] / 1000:.2f} ms",
                "under 5 ms more",
                more < 5,
            )
        )
    return found


CASES = {
    "well": Case(well),
    "refusing": Case(refusing),
    "hanging": Case(hanging),
    "peer_refusing": Case(peer_refusing, environment=ROUTED, rounds=2),
}
ROW = Row("broker", CASES, lines)
