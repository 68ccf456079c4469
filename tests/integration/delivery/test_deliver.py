"""What is due arrives, in order, in batches, once."""

from __future__ import annotations

import pytest

from percipio_openedx.delivery.dispatcher import Delivered, deliver_due
from percipio_openedx.models import DeliveryAttempt, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.sandbox import Sandbox
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
    assert list(DeliveryAttempt.objects.order_by("id").values_list("statements", "accepted", "status", "outcome")) == [
        (50, 50, 200, "accepted"),
        (50, 50, 200, "accepted"),
        (20, 20, 200, "accepted"),
    ]
