"""The other transport: one record a call, in order, and what Track cannot say is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from percipio_openedx.delivery.dispatcher import Delivered, deliver_due
from percipio_openedx.models import DeliveryAttempt, Destination, Statement
from percipio_openedx.models.statement import State
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, destination_of, drain, states, track_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def track(sandbox: Sandbox, configured: Any) -> Sandbox:
    """A site that reports to the Track API."""
    configured(sandbox, API="track")
    return sandbox


def test_records_arrive_as_they_are_kept_and_in_order(track: Sandbox) -> None:
    for number in range(12):
        for sequence, (status, progress) in enumerate([("started", 0), ("in_progress", 40), ("completed", 100)], 1):
            add(number, sequence, track=track_of(number, status, progress), destination=destination_of("org-1"))

    assert deliver_due(NOW) == Delivered(sent=36)

    for number in range(12):
        rows = Statement.objects.filter(learner_course__user_id=number).order_by("sequence")
        expected = [json.loads(bytes(row.track)) for row in rows]
        assert [record for record in track.track if record["user"] == f"learner{number}@example.com"] == expected
    assert {entry.organization for entry in track.track_entries} == {"org-1"}
    assert set(DeliveryAttempt.objects.values_list("api", "statements", "accepted")) == {("track", 1, 1)}


def test_what_track_has_no_form_for_is_kept(track: Sandbox) -> None:
    add(1, 1, track=track_of(1))
    add(1, 2)
    add(1, 3, track=track_of(1, "completed", 100))
    add(2, 1)

    assert deliver_due(NOW) == Delivered(sent=2)
    assert list(Statement.objects.order_by("id").values_list("state", flat=True)) == [
        State.DELIVERED,
        State.SKIPPED,
        State.DELIVERED,
        State.SKIPPED,
    ]
    assert [record["status"] for record in track.track] == ["started", "completed"]


def test_a_record_that_percipio_knows_already_is_delivered(track: Sandbox) -> None:
    row = add(1, track=track_of(1))
    deliver_due(NOW)
    Statement.objects.filter(pk=row.pk).requeue(NOW)

    assert deliver_due(NOW) == Delivered(sent=1)
    row.refresh_from_db()
    assert (row.state, row.status, len(track.track)) == (State.DELIVERED, 409, 1)


def test_a_malformed_record_is_parked(track: Sandbox) -> None:
    add(1, track=b'{"content_id": "x"}')
    add(2, track=track_of(2))

    assert deliver_due(NOW) == Delivered(sent=1, parked=1)
    assert states() == {1: State.PARKED, 2: State.DELIVERED}


@pytest.mark.parametrize(
    "scenario", ["server-500:3", "throttled-429:2", "lost-answer:2", "html-200:1", "token-expires-mid-flight=3"]
)
def test_faults_pass(track: Sandbox, scenario: str) -> None:
    for number in range(9):
        add(number, 1, track=track_of(number))
        add(number, 2, track=track_of(number, "completed", 100))
    track.set_scenario(scenario)

    drain()

    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert len(track.track) == 18
    assert Destination.objects.get().failures == 0
