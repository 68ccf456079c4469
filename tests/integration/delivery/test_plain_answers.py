"""A success that says no more than its status does: believed of statements when it stays so, and remembered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import Destination, Statement
from percipio_openedx.models.statement import State
from tests.integration.delivery.odd_server import TEXT, OddServer, all_ids, answer
from tests.integration.delivery.rows import NOW, add, destination_of, drain, states, track_of

pytestmark = pytest.mark.django_db(transaction=True)

OK = answer(200, b"OK", TEXT)
PLAIN = [
    OK,
    answer(201, b"Created", TEXT),
    answer(200),
    answer(200, {"message": "OK"}),
    answer(200, {"requestId": "a1"}),
]


@pytest.mark.thinned(2)
@pytest.mark.parametrize("reply", PLAIN)
def test_statements_are_believed_after_repetitions(odd: OddServer, reply: bytes) -> None:
    for number in range(120):
        add(number)
    odd.replies = [reply]

    first = deliver_due(NOW)
    destination = Destination.objects.get()
    assert (first.sent, first.parked) == (0, 0)
    assert (destination.failures, destination.plain_answer_trusted_at) == (1, None)
    assert "does not say what was stored" in destination.last_error
    drain(first.next_due or NOW)

    assert set(states().values()) == {State.DELIVERED}
    destination.refresh_from_db()
    assert destination.plain_answer_trusted_at - destination.plain_answer_since >= timedelta(minutes=10)
    # Some batches, and at least four repetitions, in which single statements were sent again.
    sizes = [len(request.ids) for request in odd.requests]
    assert sizes.count(1) >= 4
    assert len(sizes) < 25
    sent = [one for request in odd.requests for one in request.ids]
    assert max(map(sent.count, sent)) > 1


def test_what_is_remembered_is_believed_at_once(odd: OddServer) -> None:
    add(1)
    odd.replies = [OK]
    drain()
    before = len(odd.requests)
    for number in range(2, 9):
        add(number)

    assert deliver_due(NOW + timedelta(days=1)).sent == 7
    assert len(odd.requests) == before + 1


def test_a_passing_empty_answer_is_not_believed(odd: OddServer) -> None:
    """A proxy that is being restarted: it answered some requests, and nothing was stored."""
    for number in range(5):
        add(number)
    odd.replies = [*[answer(200)] * 4, all_ids]

    drain()

    assert set(states().values()) == {State.DELIVERED}
    named = {one for request in odd.requests[4:] for one in request.ids}
    assert named == {str(uuid) for uuid in Statement.objects.values_list("uuid", flat=True)}
    assert Destination.objects.get().plain_answer == ""


def test_where_ids_were_named_a_plain_answer_is_believed_later(odd: OddServer) -> None:
    add(1)
    deliver_due(NOW)
    add(2)
    odd.replies = [OK]

    done = drain(NOW, rounds=200)

    assert states() == {1: State.DELIVERED, 2: State.DELIVERED}
    destination = Destination.objects.get()
    assert destination.plain_answer_trusted_at - destination.plain_answer_since >= timedelta(days=1)
    assert len(done) > 3


def test_a_repetition_that_is_known_there_proves_the_plain_answer(odd: OddServer) -> None:
    add(1)
    odd.replies = [OK, answer(409), OK]

    first = deliver_due(NOW)
    deliver_due(first.next_due)
    assert states() == {1: State.DELIVERED}
    assert Destination.objects.get().plain_answer_trusted_at is not None
    add(2)
    deliver_due(first.next_due)
    assert (states()[2], len(odd.requests)) == (State.DELIVERED, 3)


def test_a_conflict_of_another_kind_proves_nothing(odd: OddServer) -> None:
    """Known there since an answer was lost: that says nothing of what a plain answer means."""
    add(1)
    odd.replies = [answer(500), OK, answer(409)]
    first = deliver_due(NOW)
    second = deliver_due(first.next_due)
    Statement.objects.update(status=500)
    deliver_due(second.next_due)

    assert states() == {1: State.DELIVERED}
    assert Destination.objects.get().plain_answer_trusted_at is None


def test_another_plain_answer_begins_anew(odd: OddServer) -> None:
    add(1)
    odd.replies = [OK]
    drain()
    add(2)
    odd.replies = [answer(200)]

    assert deliver_due(NOW + timedelta(days=1)).sent == 0
    destination = Destination.objects.get()
    assert (destination.plain_answer, destination.plain_answer_trusted_at) == ("200: no words", None)


def test_each_destination_learns_by_itself(odd: OddServer) -> None:
    add(1)
    odd.replies = [OK]
    drain()
    add(2, destination=destination_of("org-2"))

    assert deliver_due(NOW + timedelta(days=1)).sent == 0


@pytest.mark.parametrize("reply", PLAIN)
def test_a_track_record_is_sent_once(odd: OddServer, settings: Any, reply: bytes) -> None:
    settings.PERCIPIO_API = "track"
    for number in range(5):
        add(number, track=track_of(number))
    odd.replies = [reply]

    assert deliver_due(NOW).sent == 5
    assert len(odd.requests) == 5


@pytest.mark.slow
@pytest.mark.parametrize("reply", PLAIN)
@pytest.mark.parametrize("number", [0, 5, 11])
def test_one_answered_so_while_others_are_named_waits_by_itself(odd: OddServer, reply: bytes, number: int) -> None:
    """Something on the way answers in Percipio's place, for this one's sake: it stops nobody, and is not believed."""
    for each in range(12):
        add(each)
    culprit = str(Statement.objects.get(learner_course__user_id=number).uuid)
    odd.replies = [lambda request: reply if culprit in request.ids else answer(200, request.ids)]

    done = drain(rounds=40)

    assert states() == {each: State.WAITING if each == number else State.DELIVERED for each in range(12)}
    assert (done[0].sent, Destination.objects.get().failures) == (11, 0)
    row = Statement.objects.get(state=State.WAITING)
    assert row.status in (200, 201)
    assert row.refusals["plain"] > 12
    odd.replies = [all_ids]
    drain(row.due_at)
    assert states()[number] == State.DELIVERED
