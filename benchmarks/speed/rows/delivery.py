"""Delivery of built statements by one process, over TLS, in batches of 100."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, SQLITE, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, whole
from benchmarks.speed.places import receiver_counts, reset_receiver, trusted

if TYPE_CHECKING:
    from django.db.models import Model

BATCH = 100
BODY = '{"actor":{"mbox":"mailto:a@example.com"},"id":"%s","padding":"' + "x" * 1050 + '"}'

# Rows of one INSERT, the fields in which the statements differ, and those that they share.
_AT_ONCE = 1000
_OWN = ("uuid", "learner_course_id", "registration", "actor_key", "stored_at", "body", "destination_id")
_SHARED = {
    "sequence": 1,
    "site_id": 1,
    "kind": "started",
    "verb": "http://adlnet.gov/expapi/verbs/initialized",
    "course_key": world.COURSE,
    "topic": UUID(int=1),
    "happened_at": world.BEGAN,
}


def fill(count: int, destinations: int = 1) -> None:
    """Built statements that wait, each of its own learner, for so many destinations in turn."""
    from uuid import UUID

    from percipio_openedx.models import Destination, LearnerCourse, Statement

    world.forget_reports()
    now = datetime.now(UTC)
    where = [Destination.objects.create(site_id=1, organization=f"org{n}" if n else "").pk for n in range(destinations)]
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, count))
        pairs = [(n + 1, n + 1, UUID(int=n + 1)) for n in numbers]
        LearnerCourse.objects.bulk_create(
            LearnerCourse(pk=pk, user_id=user, registration=uuid, course_key=world.COURSE, site_id=1)
            for pk, user, uuid in pairs
        )
        rows = [
            (
                UUID(int=n + (5 << 120)),
                n + 1,
                UUID(int=n + 1),
                f"{n:064x}",
                datetime.fromtimestamp(world.BEGAN.timestamp() + n, UTC),
                (BODY % UUID(int=n + (5 << 120))).encode(),
                where[n % destinations],
            )
            for n in numbers
        ]
        Statement.objects.bulk_create(
            Statement(**dict(zip(_OWN, row, strict=True)), **_SHARED, due_at=now) for row in rows
        )
    _settle_down(Statement, LearnerCourse)


def _settle_down(*models: type[Model]) -> None:
    """Have the database write what was filled in now: else it does so, for seconds, while something is measured."""
    from django.db import connection

    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute(f"FLUSH TABLES {', '.join(model._meta.db_table for model in models)} FOR EXPORT")
            cursor.execute("UNLOCK TABLES")


def _ours(quick: bool, round_trip: int) -> Figures:
    from percipio_openedx.delivery.dispatcher import deliver_due

    count = (2000 if quick else 10000) if round_trip < 100 else (1000 if quick else 5000)
    fill(BATCH)
    reset_receiver(round_trip)
    deliver_due()
    fill(count)
    reset_receiver(round_trip)
    figures = whole(lambda: deliver_due().sent)
    arrived = receiver_counts()
    if arrived["different"] != count:
        raise AssertionError(f"{arrived} of {count} arrived")
    return {**figures, "connections": arrived["connections"], "requests": arrived["requests"]}


def ours_0(quick: bool) -> Figures:
    """No round trip: the processor is the limit."""
    return _ours(quick, 0)


def ours_20(quick: bool) -> Figures:
    """20 ms."""
    return _ours(quick, 20)


def ours_100(quick: bool) -> Figures:
    """100 ms."""
    return _ours(quick, 100)


def _floor(round_trip: int, count: int) -> Figures:
    """The standard library's client with bodies that are made already, and no database."""
    import os
    from http.client import HTTPSConnection
    from urllib.parse import urlsplit
    from uuid import UUID

    place = urlsplit(os.environ["BENCH_RECEIVER"])
    connection = HTTPSConnection(place.hostname or "", place.port, context=trusted())
    bodies = [
        b"[" + b",".join((BODY % UUID(int=start + n)).encode() for n in range(BATCH)) + b"]"
        for start in range(0, count, BATCH)
    ]
    headers = {"Authorization": f"Bearer {'t' * 800}", "Content-Type": "application/json"}

    def post(body: bytes) -> None:
        connection.request("POST", "/floor/statements", body=body, headers=headers)
        connection.getresponse().read()

    reset_receiver(round_trip)
    post(bodies[0])

    def send() -> int:
        for body in bodies:
            post(body)
        return count

    return whole(send)


def floor_20(quick: bool) -> Figures:
    """A bare client, 20 ms."""
    return _floor(20, 2000 if quick else 10000)


def floor_100(quick: bool) -> Figures:
    """A bare client, 100 ms."""
    return _floor(100, 1000 if quick else 5000)


def _peer(round_trip: int, count: int, *, bulk: bool) -> Figures:
    """event-routing-backends' client with statements that are made already."""
    import os

    from event_routing_backends.utils.xapi_lrs_client import LrsClient
    from tincan import Statement

    reset_receiver(round_trip)

    def made(number: int) -> Statement:
        return Statement(
            id=f"00000000-0000-5000-8000-{number:012x}",
            actor={"mbox": "mailto:a@example.com"},
            verb={"id": "http://adlnet.gov/expapi/verbs/initialized"},
            object={"id": "http://example.com/a", "definition": {"description": {"en": "x" * 800}}},
        )

    statements = [made(number) for number in range(count)]

    def send() -> int:
        if bulk:
            for start in range(0, count, BATCH):
                _client(os.environ["BENCH_RECEIVER"]).bulk_send(statements[start : start + BATCH])
        else:
            for statement in statements:
                _client(os.environ["BENCH_RECEIVER"]).send(statement, "x")
        return count

    def _client(url: str) -> LrsClient:
        return LrsClient(url=f"{url}/xapi/", version="1.0.3", auth_scheme="Bearer", auth_key="t" * 800)

    return whole(send)


def peer_20(quick: bool) -> Figures:
    """One by one, 20 ms."""
    return _peer(20, 30, bulk=False)


def peer_100(quick: bool) -> Figures:
    """One by one, 100 ms."""
    return _peer(100, 10, bulk=False)


def peer_bulk_20(quick: bool) -> Figures:
    """Batched, 20 ms."""
    return _peer(20, 1000, bulk=True)


def peer_bulk_100(quick: bool) -> Figures:
    """Batched, 100 ms."""
    return _peer(100, 1000, bulk=True)


def lines(results: Results) -> list[Line]:
    """By round trip: so many times what ERB sends in batches, with no more of the processor."""
    found = []
    for round_trip, times in ((0, None), (20, 3), (100, 5)):
        own = results[f"ours_{round_trip}", MARIADB]
        single, batched = (results.get((f"peer{kind}_{round_trip}", MARIADB)) for kind in ("", "_bulk"))
        bare = results.get((f"floor_{round_trip}", MARIADB))
        words = [f"{peer['per_second']:.0f}/s ({peer['cpu_per_1000']:.2f} CPU s)" for peer in (single, batched) if peer]
        rate, cpu = own["per_second"], own["cpu_per_1000"]
        found.append(
            Line(
                f"delivery, TLS, {round_trip} ms, one process",
                f"{rate:.0f}/s, {cpu:.3f} CPU s/1000, {own['connections']:.0f} new connection(s)",
                "ERB one by one, batched: " + ", ".join(words) if words else "",
                f"a bare client over one connection {bare['per_second']:.0f}/s" if bare else "",
                f"{times} times ERB batched, no more CPU" if times else "",
                not (times and batched) or (rate >= times * batched["per_second"] and cpu <= batched["cpu_per_1000"]),
            )
        )
    return found


CASES = {
    "ours_0": Case(ours_0, (MARIADB, SQLITE), rounds=3),
    "ours_20": Case(ours_20, rounds=3),
    "ours_100": Case(ours_100, rounds=3),
    "floor_20": Case(floor_20, rounds=3),
    "floor_100": Case(floor_100, rounds=3),
    "peer_20": Case(peer_20, rounds=3),
    "peer_100": Case(peer_100, rounds=3),
    "peer_bulk_20": Case(peer_bulk_20, rounds=3),
    "peer_bulk_100": Case(peer_bulk_100, rounds=3),
}
ROW = Row("delivery", CASES, lines)
