"""Order within a learner and course, leases, and workers that die or work side by side."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from percipio_openedx.delivery import claim as claiming
from percipio_openedx.delivery import dispatcher, session
from percipio_openedx.delivery.claim import recover
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import Delivered, deliver_due
from percipio_openedx.models import DeliveryAttempt, Destination, Statement
from percipio_openedx.models.statement import State
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, claim, destination_of, drain, received

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_learners_statements_leave_one_after_the_other(site: Sandbox) -> None:
    rows = [add(1, sequence) for sequence in (3, 1, 2)]
    other = add(2, 1)

    assert deliver_due(NOW) == Delivered(sent=4)

    arrived = received(site)
    assert [arrived.index(str(rows[place].uuid)) for place in (1, 2, 0)] == sorted(
        arrived.index(str(row.uuid)) for row in rows
    )
    assert str(other.uuid) in arrived
    assert list(DeliveryAttempt.objects.order_by("id").values_list("statements", flat=True)) == [2, 1, 1]


def test_an_earlier_statement_that_waits_holds_back_its_own_learner_only(site: Sandbox) -> None:
    add(1, 1, due_at=NOW + timedelta(hours=1))
    add(1, 2)
    add(2, 2)

    result = deliver_due(NOW)

    assert (result.sent, result.next_due) == (1, NOW + timedelta(hours=1))
    assert list(Statement.objects.filter(state=State.WAITING).values_list("sequence", flat=True)) == [1, 2]


def test_an_earlier_statement_at_another_destination_holds_back_too(site: Sandbox) -> None:
    add(1, 1, destination=destination_of("org-a"), due_at=NOW + timedelta(hours=1))
    add(1, 2, destination=destination_of("org-b"))

    assert deliver_due(NOW) == Delivered(next_due=NOW + timedelta(hours=1))


def test_a_parked_statement_holds_back_nobody(site: Sandbox) -> None:
    add(1, 1, valid=False)
    add(1, 2)

    assert deliver_due(NOW) == Delivered(sent=1, parked=1)


def test_what_a_killed_worker_had_claimed_is_sent_when_its_lease_ends(site: Sandbox) -> None:
    row = add(1)
    later = add(1, 2)
    claimed = claim(destination_of(), 10)
    assert [one.pk for one in claimed] == [row.pk]

    during = deliver_due(NOW)
    assert during == Delivered(next_due=NOW + timedelta(seconds=claiming.LEASE + 20))

    after = deliver_due(during.next_due + timedelta(seconds=1))
    assert after.sent == 2
    assert received(site) == [str(row.uuid), str(later.uuid)]


def test_a_worker_whose_lease_ran_out_settles_nothing(site: Sandbox) -> None:
    row = add(1)
    lease = uuid4()
    claim(destination_of(), 10, lease)
    assert recover(NOW + timedelta(hours=1)) == 1

    held = Statement.objects.filter(pk=row.pk).held_by(lease)
    assert [held.accept(NOW, 200), held.park(NOW, 400, "no"), held.skip(NOW)] == [0, 0, 0]
    assert Statement.objects.get().state == State.WAITING


def test_a_claim_takes_heads_of_line_only_and_each_row_once(site: Sandbox) -> None:
    for number in range(6):
        add(number, 1)
        add(number, 2)
    first = claim(destination_of(), 4)
    second = claim(destination_of(), 4)

    heads = list(Statement.objects.filter(sequence=1).order_by("id").values_list("pk", flat=True))
    assert [row.pk for row in (*first, *second)] == heads


def test_a_spent_budget_leaves_what_is_due(site: Sandbox) -> None:
    for number in range(6):
        add(number)
    stopped = deliver_due(NOW, budget_seconds=0)
    assert (stopped.sent, stopped.next_due is not None) == (0, True)
    assert deliver_due(NOW).sent == 6


class Boom(Exception):
    """Nobody foresaw it."""


@pytest.mark.parametrize("place", ["post", "settle"])
def test_whatever_happens_no_row_stays_claimed(
    site: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    for number in range(3):
        add(number)

    def boom(*_: Any, **__: Any) -> Any:
        raise Boom("canary: jane@example.com")

    if place == "post":
        monkeypatch.setattr(PercipioClient, "post_statements", boom)
    else:
        monkeypatch.setattr(session, "settle", boom)

    result = deliver_due(NOW)

    assert result.sent == 0
    assert set(Statement.objects.values_list("state", "lease")) == {(State.WAITING, None)}
    assert Destination.objects.get().last_error == "an error inside this LMS (Boom); see its log"
    assert ("Boom" in caplog.text, "canary" in caplog.text) == (True, False)
    monkeypatch.undo()
    drain(result.next_due or NOW)
    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_one_broken_destination_does_not_hold_back_another(site: Sandbox) -> None:
    add(1, destination=destination_of("refused"))
    add(2, destination=destination_of("taken"))
    site.set_scenario("refuse-organization=refused")

    result = deliver_due(NOW)

    assert (result.sent, result.later) == (1, 1)
    assert dict(Destination.objects.values_list("organization", "paused_reason")) == {
        "refused": "unauthorized",
        "taken": "",
    }
    assert [entry.organization for entry in site.entries] == ["taken"]


def test_many_workers_send_each_statement_once(site: Sandbox) -> None:
    for number in range(120):
        for sequence in (1, 2):
            add(number, sequence, destination=destination_of("abc"[number % 3]))
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(3):
                deliver_due(NOW)
        except Exception as error:  # noqa: BLE001 - asserted below, in the main thread
            errors.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    drain()

    assert errors == []
    posted = [uuid for request in site.requests for uuid in request.ids]
    assert len(posted) == len(set(posted)) == 240
    for number in range(120):
        ids = [str(uuid) for uuid in _in_order(number)]
        assert sorted(ids, key=posted.index) == ids


def _in_order(number: int) -> list[Any]:
    rows = Statement.objects.filter(learner_course__user_id=number)
    return list(rows.order_by("sequence").values_list("uuid", flat=True))


def test_destinations_that_hang_do_not_hold_back_the_well_ones(site: Sandbox) -> None:
    names = ["hangs-1", "hangs-2", "well-1", "well-2"]
    for number, name in enumerate(names):
        add(number, destination=destination_of(name))
    Destination.objects.filter(organization__startswith="hangs").update(failures=1, retry_at=NOW)

    order = [destination.organization for destination in dispatcher._ready(NOW)]

    assert (sorted(order[::2]), order[1::2]) == (["well-1", "well-2"], ["hangs-1", "hangs-2"])


def test_runs_beside_each_other_begin_at_different_destinations(site: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that were served longest ago; whoever was served of late comes after all of them."""
    monkeypatch.setattr(dispatcher, "ALIKE", 3)
    for number in range(6):
        add(number, destination=destination_of(f"org-{number}"))
        served = NOW - timedelta(minutes=60 - number)
        Destination.objects.filter(organization=f"org-{number}").update(last_success_at=served)

    orders = [[row.organization for row in dispatcher._ready(NOW)] for _ in range(100)]

    # Somebody who never begins elsewhere in a hundred tries is not there to be met: 1 in 10^17.
    assert {order[0] for order in orders} == {"org-0", "org-1", "org-2"}
    assert all(set(order[:3]) == {"org-0", "org-1", "org-2"} for order in orders)
    assert all(sorted(order[3:]) == ["org-3", "org-4", "org-5"] for order in orders)
