"""Refused credentials and wrong settings pause a destination, never its rows, and an operator is told once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from percipio_openedx import signals
from percipio_openedx.delivery import breaker
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import DeliveryAttempt, Destination, Statement
from percipio_openedx.models.statement import State
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, destination_of, drain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reported() -> Iterator[list[tuple[str, str]]]:
    """What an operator was told: pauses with their reasons, and recoveries."""
    heard: list[tuple[str, str]] = []

    def paused(reason: str, **_: Any) -> None:
        heard.append(("paused", reason))

    def recovered(organization: str, **_: Any) -> None:
        heard.append(("recovered", organization))

    signals.destination_paused.connect(paused)
    signals.destination_recovered.connect(recovered)
    yield heard
    signals.destination_paused.disconnect(paused)
    signals.destination_recovered.disconnect(recovered)


def waiting() -> list[tuple[Any, ...]]:
    """Every row's place in the queue and its tries."""
    fields = ("id", "state", "due_at", "attempts", "lease", "status", "answer", "refusals")
    return list(Statement.objects.order_by("id").values_list(*fields))


@pytest.mark.parametrize("scenario", ["token-refused", "forbidden"])
def test_refused_credentials_pause_the_destination(
    site: Sandbox, reported: list[tuple[str, str]], scenario: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        add(number)
    before = waiting()
    site.set_scenario(f"{scenario}:6")

    first = deliver_due(NOW)
    assert waiting() == before
    assert (first.sent, first.next_due) == (0, Destination.objects.get().retry_at)
    assert Destination.objects.get().paused_reason == "unauthorized"
    drain(first.next_due or NOW)

    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert reported == [("paused", "unauthorized"), ("recovered", "")]
    # Delivery's own lines: whoever is told of a pause may write one, too.
    own = [record for record in caplog.records if record.name.startswith("percipio_openedx.delivery.")]
    assert [record.levelno for record in own if record.levelno >= logging.ERROR] == [logging.ERROR]
    destination = Destination.objects.get()
    assert (destination.paused_reason, destination.last_error, destination.failing_since) == ("", "", None)


def test_a_refused_token_is_tried_once_more_with_a_fresh_one(site: Sandbox) -> None:
    add(1)
    site.set_scenario("forbidden-once")

    assert deliver_due(NOW).sent == 1

    attempts = DeliveryAttempt.objects.order_by("id").values_list("status", "outcome", "accepted")
    assert list(attempts) == [(403, "unauthorized", 0), (200, "accepted", 1)]
    assert [request.status for request in site.requests] == [200, 403, 200, 200]


def test_a_wrong_address_pauses_and_parks_nothing(
    site: Sandbox, configured: Any, reported: list[tuple[str, str]]
) -> None:
    for number in range(3):
        add(number)
    configured(site, API_URL=f"{site.url}/elsewhere")

    first = deliver_due(NOW)
    assert set(Statement.objects.values_list("state", flat=True)) == {State.WAITING}
    assert Destination.objects.get().paused_reason == "not_found"

    configured(site)
    drain(first.next_due or NOW)
    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert reported == [("paused", "not_found"), ("recovered", "")]


@pytest.mark.parametrize(
    ("values", "reason", "expected"),
    [
        ({"API_URL": "ftp://nowhere"}, "configuration", [("paused", "configuration"), ("recovered", "")]),
        ({"BATCH_SIZE": "many"}, "configuration", [("paused", "configuration"), ("recovered", "")]),
        ({"PARTNER_NAME": "", "CLIENT_ID": "", "CLIENT_SECRET": ""}, "not_configured", []),
        ({"ENABLED": False}, "not_configured", []),
    ],
)
def test_without_a_valid_configuration_the_destination_waits(
    site: Sandbox,
    configured: Any,
    settings: Any,
    reported: list[tuple[str, str]],
    values: dict[str, Any],
    reason: str,
    expected: list[tuple[str, str]],
) -> None:
    add(1)
    configured(site, **values)

    first = deliver_due(NOW)
    destination = Destination.objects.get()
    assert (destination.paused_reason, destination.failures) == (reason, 0)
    assert first.next_due == destination.retry_at
    assert Statement.objects.get().attempts == 0
    assert site.requests == []
    deliver_due(first.next_due)

    configured(site, ENABLED=True)
    drain(NOW + timedelta(minutes=5))
    assert Statement.objects.get().state == State.DELIVERED
    assert Destination.objects.get().paused_reason == ""
    assert reported == expected


def test_a_receiver_that_raises_changes_nothing(site: Sandbox) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("the mail server is down")

    signals.destination_paused.connect(broken)
    try:
        add(1)
        site.set_scenario("forbidden")
        deliver_due(NOW)
    finally:
        signals.destination_paused.disconnect(broken)
    assert Destination.objects.get().failures == 1


def test_a_destination_whose_probe_somebody_else_makes_is_left_alone(site: Sandbox) -> None:
    add(1)
    until = NOW + timedelta(seconds=40)
    destination_of()
    Destination.objects.update(failures=2, retry_at=NOW, probe_until=until)

    assert deliver_due(NOW).next_due == until
    assert site.requests == []
    assert deliver_due(until + timedelta(seconds=1)).sent == 1


def test_an_operator_who_does_not_want_to_wait_need_not(site: Sandbox) -> None:
    add(1)
    site.set_scenario("throttled-429-seconds=3600:1")
    deliver_due(NOW)
    destination = Destination.objects.get()
    assert destination.retry_at is not None and destination.retry_at > NOW + timedelta(minutes=59)

    later = NOW + timedelta(minutes=1)
    breaker.try_now(destination, later)

    assert deliver_due(later).sent == 1
