"""Many workers at one destination and at many: no row has two holders while its lease runs; a deadlock loses nothing.

Runs on SQLite, and on MariaDB with ``make test-services``.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.models import F

from percipio_openedx.delivery import claim as claiming
from percipio_openedx.delivery.attribution import Row
from percipio_openedx.delivery.claim import Claims
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import Destination, Statement
from percipio_openedx.models.statement import State, StatementQuerySet
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, destination_of, received

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 8
# Seconds that a thread waits for the others; nothing here needs one.
PATIENCE = 20


def side_by_side(*acts: Callable[[], Any]) -> list[Any]:
    """What each act returned or raised, done at once, each in a connection of its own."""
    outcomes: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(place: int, act: Callable[[], Any]) -> None:
        try:
            start.wait(PATIENCE)
            outcomes[place] = act()
        except Exception as error:  # noqa: BLE001 - told to the test
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE)
    return outcomes


@pytest.mark.parametrize("organizations", [("",), ("a", "b", "c")])
def test_no_row_is_claimed_twice_while_its_lease_holds(organizations: Sequence[str]) -> None:
    places = [destination_of(name).pk for name in organizations]
    rows = [add(number, destination=Destination(pk=places[number % len(places)])).pk for number in range(60)]

    def work() -> list[int]:
        mine: list[int] = []
        for place in places:
            claims = Claims(place, uuid4(), 20.0)
            while claimed := claims.claim(NOW, 7):
                mine += [row.pk for row in claimed]
        return mine

    outcomes = side_by_side(*[work] * WORKERS)

    assert [one for one in outcomes if not isinstance(one, list)] == []
    # A worker whose every read lost the race leaves the rest to the others, and to its next turn.
    taken = [pk for one in outcomes for pk in one] + work()
    assert sorted(taken) == rows
    assert set(Statement.objects.values_list("state", flat=True)) == {State.SENDING}


def takes_of_the_same(monkeypatch: pytest.MonkeyPatch, candidates: list[int]) -> Counter[int]:
    """How often each row was handed out, to two workers that found the same candidates at the same moment."""
    until = NOW + timedelta(minutes=5)

    def take() -> tuple[Row, ...]:
        return claiming._take(candidates, uuid4(), until)

    if connection.vendor == "sqlite":
        # One writer at a time: they come one after the other, whatever they read before.
        outcomes = [take(), take()]
    else:
        both_have_read = threading.Barrier(2)
        read = claiming._read

        def slow(rows: StatementQuerySet, order: list[int], end: datetime, more: int) -> tuple[Row, ...]:
            found = read(rows, order, end, more)
            both_have_read.wait(PATIENCE)
            return found

        monkeypatch.setattr(claiming, "_read", slow)
        outcomes = side_by_side(take, take)
    return Counter(row.pk for one in outcomes for row in one)


def test_of_two_that_find_the_same_rows_one_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [add(number).pk for number in range(5)]
    assert takes_of_the_same(monkeypatch, rows) == dict.fromkeys(rows, 1)


def test_without_the_locking_both_would_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above does see what it is there for."""
    rows = [add(number).pk for number in range(5)]

    def unconditional(self: StatementQuerySet, lease: UUID, until: datetime) -> int:
        return self.update(state=State.SENDING, lease=lease, leased_until=until, attempts=F("attempts") + 1)

    monkeypatch.setattr(StatementQuerySet, "claim", unconditional)
    monkeypatch.setattr(StatementQuerySet, "select_for_update", lambda self, **_: self)

    assert takes_of_the_same(monkeypatch, rows) == dict.fromkeys(rows, 2)


@pytest.mark.services
def test_a_deadlock_of_the_settling_loses_nothing_and_sends_nothing_twice(
    site: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else holds a row, has changed many, and then wants ours: InnoDB ends the smaller transaction, ours."""
    assert connection.vendor == "mysql", "this test is about MariaDB: set PERCIPIO_TEST_DATABASE_URL"
    others = [
        add(number, destination=destination_of("later"), due_at=NOW + timedelta(days=1)).pk for number in range(60)
    ]
    first, second = add(101).pk, add(102).pk
    ends: list[str] = []
    holding, wanting = threading.Event(), threading.Event()
    accept = StatementQuerySet.accept

    def watched(self: StatementQuerySet, *args: Any) -> int:
        """The first settling locks the first row, waits until the other has the second, and goes on to it."""
        if not ends:
            list(Statement.objects.select_for_update().filter(pk=first))
            wanting.set()
            holding.wait(PATIENCE)
        try:
            settled = accept(self, *args)
        except OperationalError as error:
            ends.append(str(error.args[0]))
            raise
        ends.append("settled")
        return settled

    def other() -> None:
        wanting.wait(PATIENCE)
        with transaction.atomic():
            Statement.objects.filter(pk__in=others).update(answer="changed")
            list(Statement.objects.select_for_update().filter(pk=second))
            holding.set()
            list(Statement.objects.select_for_update().filter(pk=first))

    monkeypatch.setattr(StatementQuerySet, "accept", watched)
    outcomes = side_by_side(lambda: deliver_due(NOW).sent, other)

    assert outcomes == [2, None]
    # 1213: "Deadlock found when trying to get lock".
    assert ends == ["1213", "settled"]
    both = Statement.objects.filter(pk__in=(first, second))
    assert set(both.values_list("state", flat=True)) == {State.DELIVERED}
    assert sorted(received(site)) == sorted(str(row.uuid) for row in both)
    assert [len(request.ids) for request in site.requests if request.ids] == [2]
