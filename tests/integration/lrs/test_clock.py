"""The promise of X-Experience-API-Consistent-Through, with writers at work: nothing is missed, nothing seen twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.urls import resolve

from percipio_openedx.lrs.find import consistent_through, written
from percipio_openedx.models import Statement, StatementLedger
from percipio_openedx.reporting import store
from tests.integration.lrs.puller import PATH, Puller
from tests.integration.lrs.rows import add, prepared

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unthrottled")]

THROUGH = "X-Experience-API-Consistent-Through"
LEVELS = pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
on_mariadb = pytest.mark.services


def keep(*rows: Statement, before_commit: Callable[[], object] = lambda: None) -> None:
    """Store statements as a worker does, under the lock of the site's ledger."""
    with transaction.atomic():
        clock = store.Clock(rows[0].site_id)
        for row in rows:
            row.stored_at = clock.next()
            row.save()
        clock.close()
        before_commit()


@pytest.fixture
def isolation() -> Iterator[Callable[[str], None]]:
    """Set the level of the connection of whichever thread calls it."""

    def set_level(level: str) -> None:
        assert connection.vendor == "mysql", "PERCIPIO_TEST_DATABASE_URL has to name a MariaDB or MySQL"
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")

    yield set_level
    connections.close_all()


def test_the_resource_is_served_outside_a_transaction() -> None:
    assert resolve(PATH).func._non_atomic_requests == {"default"}


def test_without_writers_it_is_the_present() -> None:
    add(1)
    with time_machine.travel("2026-05-01T00:00:00Z", tick=False):
        assert consistent_through(1) == datetime(2026, 5, 1, tzinfo=UTC)
    assert StatementLedger.objects.get().last_stored_at == datetime(2026, 5, 1, tzinfo=UTC)


def test_it_never_goes_back() -> None:
    add(1)
    with time_machine.travel("2026-05-01T00:00:00Z", tick=False):
        later = consistent_through(1)
    with time_machine.travel("2026-04-01T00:00:00Z", tick=False):
        assert consistent_through(1) == later


def test_a_writer_whose_clock_is_slow_stores_behind_what_was_promised() -> None:
    add(1)
    with time_machine.travel("2026-05-01T00:00:00Z", tick=False):
        promised = consistent_through(1)
    row = prepared(2)
    with time_machine.travel("2026-04-30T23:00:00Z", tick=False):
        keep(row)
    assert Statement.objects.get(pk=row.pk).stored_at > promised


@on_mariadb
@LEVELS
def test_an_open_transaction_is_neither_waited_for_nor_overtaken(
    puller: Puller, isolation: Callable[[str], None], level: str
) -> None:
    isolation(level)
    first, late = add(1), prepared(2)
    is_open, may_commit = threading.Event(), threading.Event()

    def hold() -> None:
        is_open.set()
        assert may_commit.wait(60)

    def write() -> None:
        isolation(level)
        keep(late, before_commit=hold)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        assert is_open.wait(60)
        try:
            during = puller.get({"ascending": "true"})
        finally:
            may_commit.set()
        writing.result()
    late.refresh_from_db()
    assert _ids(during) == [str(first.uuid)]
    assert during[THROUGH] == written(first.stored_at) < written(late.stored_at)

    after = puller.get({"since": during[THROUGH]})
    assert (_ids(after), after[THROUGH] >= written(late.stored_at)) == ([str(late.uuid)], True)


@on_mariadb
@LEVELS
def test_poll_by_since_with_many_writers(puller: Puller, isolation: Callable[[str], None], level: str) -> None:
    isolation(level)
    _poll_with_writers(puller, lambda: isolation(level))


def test_poll_by_since_with_a_writer_on_any_database(puller: Puller) -> None:
    _poll_with_writers(puller, lambda: None, writers=1, each=10)


def _poll_with_writers(puller: Puller, set_up: Callable[[], None], writers: int = 4, each: int = 25) -> None:
    """Every statement is seen once, in the order of storing, and none at or before what was promised before it."""
    add(0)
    rows = [[prepared(1000 * writer + number) for number in range(each)] for writer in range(1, writers + 1)]

    def write(batch: list[Statement], seed: int) -> None:
        set_up()
        random = Random(seed)
        while batch:
            count = random.randint(1, 4)
            keep(*batch[:count])
            del batch[:count]
        connection.close()

    seen: list[str] = []
    with ThreadPoolExecutor(writers) as pool:
        writing = [pool.submit(write, list(batch), seed) for seed, batch in enumerate(rows)]
        since, promised, done = "", "", False
        while not done:
            done = all(each.done() for each in writing)
            response = puller.get({"ascending": "true", "limit": 7} | ({"since": since} if since else {}))
            for statement in json.loads(response.content)["statements"]:
                assert statement["stored"] > promised
                seen.append(statement["id"])
                since = statement["stored"]
            if not json.loads(response.content)["more"]:
                promised = response[THROUGH]
            else:
                done = False
        for each_one in writing:
            each_one.result()
    in_order = [str(uuid) for uuid in Statement.objects.order_by("stored_at").values_list("uuid", flat=True)]
    assert seen == in_order


def _ids(response: Any) -> list[str]:
    return [statement["id"] for statement in json.loads(response.content)["statements"]]
