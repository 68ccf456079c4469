"""How the head of a learner's line is found: by what is open alone, however much the learner has behind them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from percipio_openedx.delivery import claim as claiming
from percipio_openedx.delivery.attribution import Row
from percipio_openedx.delivery.claim import Claims
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import Statement
from percipio_openedx.models.statement import OPEN_STATES, State, StatementQuerySet
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, claim, destination_of

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> StatementQuerySet:
    """All of them."""
    found: StatementQuerySet = Statement.objects.all()
    return found


def test_only_what_is_settled_has_a_time_of_settling() -> None:
    """The index of the open ones relies on it, at every arrow."""
    row = add(1)
    lease, until = uuid4(), NOW + timedelta(minutes=1)
    claimed = Statement.objects.filter(pk=row.pk).held_by(lease)

    def held() -> StatementQuerySet:
        return rows().held_by(lease)

    steps = [
        lambda: rows().claim(lease, until),
        lambda: held().retry_later(NOW, 503, "later"),
        lambda: rows().claim(lease, until),
        lambda: held().release(),
        lambda: rows().claim(lease, until),
        lambda: claimed.accept(NOW, 200),
        lambda: rows().queue(NOW),
        lambda: rows().claim(lease, until),
        lambda: claimed.park(NOW, 400, "no"),
        lambda: rows().discard(NOW, "enough"),
        lambda: rows().requeue(NOW),
        lambda: rows().put_off(NOW, "no_email"),
        lambda: rows().discard(NOW, "enough"),
        lambda: rows().requeue(NOW),
        lambda: rows().rebuild(NOW, body=b"{}"),
        lambda: rows().outdate(NOW),
        lambda: rows().keep_as_it_is(NOW),
        lambda: rows().claim(lease, until),
        lambda: claimed.skip(NOW),
    ]
    seen = []
    for step in steps:
        assert step() == 1
        state, settled_at = Statement.objects.values_list("state", "settled_at").get()
        assert (settled_at is None) is (state in OPEN_STATES), state
        seen.append(state)
    assert set(seen) == set(State)


def test_an_earlier_one_that_is_open_holds_back_and_one_that_is_settled_does_not(site: Sandbox) -> None:
    learners = dict(enumerate(State, start=1))
    for number, state in learners.items():
        earlier = add(number, 1, due_at=NOW + timedelta(hours=1))
        settled_at = None if state in OPEN_STATES else NOW
        leased_until = NOW + timedelta(minutes=1) if state == State.SENDING else None
        Statement.objects.filter(pk=earlier.pk).update(state=state, settled_at=settled_at, leased_until=leased_until)
        add(number, 2)

    claimed = [row.pk for row in claim(destination_of(), 10)]

    free = Statement.objects.filter(pk__in=claimed).values_list("learner_course__user_id", "sequence")
    assert sorted(free) == [(number, 2) for number, state in learners.items() if state not in OPEN_STATES]


def test_one_that_somebody_settled_by_hand_holds_nobody_back(site: Sandbox) -> None:
    add(1, 1)
    Statement.objects.update(state=State.DELIVERED)
    later = add(1, 2)

    assert [row.pk for row in claim(destination_of(), 10)] == [later.pk]


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_heads_of_line_are_found_behind_those_that_are_held_back(
    site: Sandbox, monkeypatch: pytest.MonkeyPatch, page: int, most: int
) -> None:
    monkeypatch.setattr(claiming, "PAGE", page)
    for number in (1, 2):
        add(number, 1, due_at=NOW + timedelta(hours=1))
        for sequence in (2, 3, 4):
            add(number, sequence)
    late = add(3, due_at=NOW - timedelta(seconds=1))
    heads = [add(number, due_at=at) for number, at in [(4, NOW), (5, NOW), (6, NOW - timedelta(hours=1)), (7, NOW)]]
    add(8, due_at=NOW + timedelta(microseconds=1))

    claimed = claim(destination_of(), most)

    expected = [heads[2].pk, late.pk, heads[0].pk, heads[1].pk, heads[3].pk]
    assert [row.pk for row in claimed] == expected[:most]


def test_what_is_due_is_read_off_the_queues_index_alone() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's plan; on MariaDB `python -m benchmarks.growth` counts what is read")
    add(7)
    with CaptureQueriesContext(connection) as queries:
        claim(destination_of(), 10)
    read = next(one["sql"] for one in queries if "due_at" in one["sql"] and one["sql"].startswith("SELECT"))
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {read}")
        plan = str(cursor.fetchall())
    assert "USING COVERING INDEX percipio_st_queue (destination_id=? AND state=?" in plan
    assert "TEMP B-TREE" not in plan


def test_the_earlier_ones_are_looked_for_among_the_open_ones_alone() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's plan; on MariaDB `python -m benchmarks.growth` counts what is read")
    plan = Statement.objects.filter(pk__in=[1, 2, 3]).heads_of_line().explain()

    assert "USING INDEX percipio_st_open (learner_course_id=? AND settled_at=? AND sequence<?)" in plan


def test_when_all_is_claimed_nobody_asks_after_each_answer(site: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """But once the posters run dry: what was settled may have let others through."""
    found = []
    claim_more, post = Claims.claim, PercipioClient.post_statements

    def counted(*args: Any) -> tuple[Row, ...]:
        rows = claim_more(*args)
        found.append(len(rows))
        return rows

    def slowly(*args: Any) -> Any:
        time.sleep(0.05)
        return post(*args)

    monkeypatch.setattr(Claims, "claim", counted)
    # Slowly enough that one answer comes at a time.
    monkeypatch.setattr(PercipioClient, "post_statements", slowly)
    for number in range(20):
        add(number)
    with override_settings(PERCIPIO_BATCH_SIZE=2):
        assert deliver_due(NOW).sent == 20

    # In vain with the last request on its way, and when it is back.
    assert (found[0], set(found[1:])) == (20, {0})
    assert len(found) <= 3
