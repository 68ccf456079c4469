"""What is due arrives, in order, in batches, once."""

from __future__ import annotations

import pytest
from django.utils import timezone

from percipio_openedx.delivery.dispatcher import Delivered, deliver_due
from percipio_openedx.models import DeliveryAttempt, Statement
from percipio_openedx.models.statement import State
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, received, states

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_is_due() -> None:
    assert deliver_due(NOW) == Delivered()


def test_everything_arrives_in_batches(site: Sandbox) -> None:
    for number in range(120):
        add(number)

    assert deliver_due(NOW) == Delivered(sent=120)

    assert sorted(received(site)) == sorted(str(uuid) for uuid in Statement.objects.values_list("uuid", flat=True))
    assert set(states().values()) == {State.DELIVERED}
    # Several are in flight at once, and which is answered first is chance.
    attempts = DeliveryAttempt.objects.values_list("statements", "accepted", "status", "outcome")
    assert sorted(attempts) == [
        (20, 20, 200, "accepted"),
        (50, 50, 200, "accepted"),
        (50, 50, 200, "accepted"),
    ]


def test_an_attempt_says_when_and_where_it_was_and_how_long_it_took(site: Sandbox) -> None:
    site.set_scenario("server-500:1")
    row = add(1)
    before = timezone.now()
    deliver_due(NOW)
    after = timezone.now()

    attempt = DeliveryAttempt.objects.values().get()
    assert before <= attempt["started_at"] <= after
    assert 0 <= attempt["duration_ms"] <= (after - before).total_seconds() * 1000 + 1
    assert attempt == {
        "id": attempt["id"],
        "destination_id": row.destination_id,
        "api": "statements",
        "started_at": attempt["started_at"],
        "statements": 1,
        "accepted": 0,
        "status": 500,
        "outcome": "later",
        "duration_ms": attempt["duration_ms"],
        "answer": Statement.objects.get().answer,
    }
    assert attempt["answer"]
