"""Percipio at its worst: nothing is lost, nothing is doubled, and only the guilty are parked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from percipio_openedx.delivery.dispatcher import Delivered, deliver_due
from percipio_openedx.models import DeliveryAttempt, Destination, Statement
from percipio_openedx.models.statement import State
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, drain, received, states

pytestmark = pytest.mark.django_db(transaction=True)

PASSING = [
    "token-html:2",
    "token-500:3",
    "token-stall:1",
    "token-no-lifetime",
    "token-text-lifetime",
    "token-expires-mid-flight=2",
    "token-expires-403=2",
    "forbidden:1",
    "forbidden:6",
    "forbidden-once",
    "bad-request-one=3-once",
    "conflict-409",
    "too-large-413=7",
    "throttled-429:2",
    "throttled-429-seconds:2",
    "throttled-429-date:2",
    "207-list-index=3-once",
    "207-list-id=3-once",
    "207-object-list=3-once",
    "207-object-map=3-once",
    "207-errors-only=3-once",
    "207-unreadable=3-once",
    "server-500:4",
    "bad-gateway-html-502:2",
    "unavailable-503=30:2",
    "html-200:2",
    "empty-200:2",
    "redirect-307:2",
    "stall:1",
    "slow:1",
    "slow-headers:1",
    "huge:1",
    "gzip-bomb:1",
    "reset:2",
    "reset-after-reading:2",
    "lost-answer:2",
    "flaky=0.4+server-500+reset+lost-answer+207-list-id=5-once+throttled-429",
]


@pytest.mark.thinned(2)
@pytest.mark.parametrize("scenario", PASSING)
def test_all_arrive_once_when_the_fault_passes(site: Sandbox, scenario: str) -> None:
    for number in range(24):
        add(number, 1)
        add(number, 2)
    site.set_scenario(scenario)

    drain()

    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}
    expected = {number: [str(row.uuid) for row in _of(number)] for number in range(24)}
    assert {number: _order(site, number) for number in range(24)} == expected


def _of(number: int) -> list[Statement]:
    return list(Statement.objects.filter(learner_course__user_id=number).order_by("sequence"))


def _order(site: Sandbox, number: int) -> list[str]:
    mbox = f"mailto:learner{number}@example.com"
    return [statement["id"] for statement in site.statements if statement["actor"]["mbox"] == mbox]


SHAPES = [
    "207-list-index",
    "207-list-id",
    "207-object-list",
    "207-object-map",
    "207-errors-only",
    "207-unreadable",
    "bad-request-one",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_only_the_guilty_are_parked(site: Sandbox, shape: str) -> None:
    for number in range(30):
        add(number)
    site.set_scenario(f"{shape}=learner17@")

    assert deliver_due(NOW) == Delivered(sent=29, parked=1)

    assert [number for number, state in states().items() if state == State.PARKED] == [17]
    assert len(received(site)) == 29
    parked = Statement.objects.get(state=State.PARKED)
    assert (parked.answer != "", "example.com" in parked.answer) == (True, False)


def test_a_culprit_is_found_in_a_bounded_number_of_requests(site: Sandbox) -> None:
    for number in range(50):
        add(number)
    site.set_scenario("bad-request-one=learner17@")

    deliver_due(NOW)

    # One, and two for each halving of 50.
    assert DeliveryAttempt.objects.count() == 1 + 2 * 6


def test_statements_that_break_the_rules_are_parked_with_percipios_words(site: Sandbox) -> None:
    for number in range(5):
        add(number, valid=number != 3)

    assert deliver_due(NOW) == Delivered(sent=4, parked=1)
    parked = Statement.objects.get(state=State.PARKED)
    assert (parked.status, "verb" in parked.answer) == (400, True)


def test_a_batch_that_was_stored_and_is_answered_409_is_not_taken_as_a_whole(site: Sandbox) -> None:
    for number in range(10):
        add(number)
    site.set_scenario("lost-answer:1,conflict-409")
    first = deliver_due(NOW)
    add(100, due_at=NOW - timedelta(days=1))

    drain(first.next_due or NOW)

    assert set(states().values()) == {State.DELIVERED}
    assert len(received(site)) == 11


def test_a_failing_destination_waits_and_is_probed_by_one_small_request(site: Sandbox) -> None:
    """A batch and three single statements fail, with nothing accepted between: that is the destination's failure."""
    for number in range(40):
        add(number)
    site.set_scenario("server-500:5")

    first = deliver_due(NOW)
    destination = Destination.objects.get()
    assert (first.sent, first.later, destination.failures) == (0, 40, 1)
    assert destination.retry_at == first.next_due
    assert deliver_due(NOW).sent == 0
    assert DeliveryAttempt.objects.count() == 4

    second = deliver_due(first.next_due)
    assert (second.sent, second.later) == (0, 1)
    assert sizes() == [40, 1, 1, 1, 1]

    third = deliver_due(second.next_due)
    destination.refresh_from_db()
    assert (third.sent, destination.failures, destination.retry_at) == (40, 0, None)
    assert sizes()[:7] == [40, 1, 1, 1, 1, 1, 4]


def sizes() -> list[int]:
    """How many statements each request held."""
    return list(DeliveryAttempt.objects.order_by("id").values_list("statements", flat=True))


def test_retry_after_is_kept_to(site: Sandbox) -> None:
    add(1)
    site.set_scenario("throttled-429-seconds=600:1")

    first = deliver_due(NOW)

    assert first.next_due is not None
    assert timedelta(seconds=600) <= first.next_due - NOW <= timedelta(seconds=640)


def test_batches_shrink_at_413_and_slowly_grow_again(site: Sandbox, configured: Any) -> None:
    configured(site, BATCH_SIZE=20)
    for number in range(40):
        add(number)
    site.set_scenario("too-large-413=6")

    assert deliver_due(NOW) == Delivered(sent=40)
    assert Destination.objects.get().batch_limit == 5

    for number in range(40, 60):
        add(number)
    site.set_scenario("ok")
    assert deliver_due(NOW) == Delivered(sent=20)
    assert Destination.objects.get().batch_limit == 6


def test_a_single_statement_that_is_too_large_is_parked_and_batches_stay_large(site: Sandbox) -> None:
    for number in range(30):
        add(number)
    row = add(30)
    Statement.objects.filter(pk=row.pk).update(body=row.body.replace(b"Canary Learner", b"x" * 17_000))
    for number in range(31, 60):
        add(number)

    assert deliver_due(NOW) == Delivered(sent=59, parked=1)
    assert Statement.objects.get(state=State.PARKED).status == 413
    assert Destination.objects.get().batch_limit is None
