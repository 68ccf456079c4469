"""Answers that no server should give: nothing is taken for delivered that may not be there, and nobody else waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import DeliveryAttempt, Destination, Statement
from percipio_openedx.models.statement import State
from tests.integration.delivery.odd_server import OddServer, Request, all_ids, answer
from tests.integration.delivery.rows import NOW, add, drain, states, track_of

pytestmark = pytest.mark.django_db(transaction=True)

WAITING, DELIVERED, PARKED = State.WAITING, State.DELIVERED, State.PARKED
HALF_A_FACE = "Rockets \ud83d"


def refusing(say: Callable[[list[str], str], Any], number: int = 1, status: int = 200) -> Callable[[Request], bytes]:
    """A server that stores all but one statement, and says so in a way of its own."""
    refused = str(Statement.objects.get(learner_course__user_id=number).uuid)
    return lambda request: answer(status, say(request.ids, refused))


@pytest.mark.parametrize(
    "say",
    [
        lambda ids, bad: [{"id": one, "status": 400 if one == bad else 200} for one in ids],
        lambda ids, bad: {"failed": [{"id": bad, "reason": "unknown user"}] if bad in ids else []},
        lambda ids, bad: {"errors": [{"index": ids.index(bad), "message": HALF_A_FACE}] if bad in ids else []},
        lambda ids, bad: {"errors": {bad: HALF_A_FACE} if bad in ids else {}},
        lambda ids, bad: [{"id": one, "success": one != bad, "message": "\U0001f62c"} for one in ids],
    ],
)
@pytest.mark.parametrize("status", [200, 202, 207])
def test_the_refused_one_is_parked_with_its_reason_and_the_others_are_delivered(
    odd: OddServer, say: Callable[[list[str], str], Any], status: int
) -> None:
    for number in range(4):
        add(number)
    odd.replies = [refusing(say, status=status)]

    deliver_due(NOW)

    assert states() == {0: DELIVERED, 1: PARKED, 2: DELIVERED, 3: DELIVERED}
    assert Statement.objects.get(state=PARKED).answer


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    "say",
    [
        lambda ids, bad: [one for one in ids if one != bad],
        lambda ids, bad: [{"id": one, **({"problem": "unknown user"} if one == bad else {})} for one in ids],
        lambda ids, bad: {"stored": ids, "warnings": [{"statement": bad}] if bad in ids else []},
        lambda ids, bad: b"<html>blocked</html>" if bad in ids else ids,
        lambda ids, bad: {"errorMessage": "Task timed out after 3.00 seconds"} if bad in ids else ids,
        lambda ids, bad: {"fault": {"faultstring": "x"}} if bad in ids else ids,
        lambda ids, bad: {} if bad in ids else ids,
        lambda ids, bad: b"\xff\xfe\x00" if bad in ids else ids,
        lambda ids, bad: {"stored": len(ids) - (bad in ids)},
    ],
)
@pytest.mark.parametrize("number", [0, 5, 11])
def test_one_in_doubt_waits_with_its_reason_and_the_others_are_delivered(
    odd: OddServer, say: Callable[[list[str], str], Any], number: int
) -> None:
    for each in range(12):
        add(each)
    odd.replies = [refusing(say, number)]

    drained = drain(rounds=6)

    assert states() == {each: WAITING if each == number else DELIVERED for each in range(12)}
    row = Statement.objects.get(state=WAITING)
    assert (row.status, bool(row.answer)) == (200, True)
    assert row.due_at > NOW
    # Found at once, not by one probe after the other.
    assert drained[0].sent == 11
    assert Destination.objects.get().failures == 0

    odd.replies = [all_ids]
    deliver_due(row.due_at + timedelta(hours=1))
    assert states()[number] == DELIVERED


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        b"<html>Sign in</html>",
        {"message": "Internal server error"},
        {"errorMessage": "x", "errorType": "y"},
        {"fault": {"faultstring": "x"}},
        {"statusCode": 500, "body": "{}"},
        {"status": "error"},
        ["11111111-2222-3333-4444-555555555555"],
    ],
)
def test_where_everything_is_in_doubt_the_destination_waits_and_says_why(odd: OddServer, body: Any) -> None:
    for number in range(60):
        add(number)
    odd.replies = [answer(200, body)]

    drained = drain(rounds=5)

    assert set(states().values()) == {WAITING}
    destination = Destination.objects.get()
    assert destination.failures >= 4
    assert destination.last_error.startswith("200: ")
    # Some to find out that it is no single culprit, then one a probe.
    assert DeliveryAttempt.objects.count() < 40
    assert [done.sent + done.parked for done in drained] == [0] * 5
    assert {DeliveryAttempt.objects.order_by("id").last().outcome} == {"doubt"}  # type: ignore[union-attr]

    odd.replies = [all_ids]
    drain(drained[-1].next_due or NOW)
    assert set(states().values()) == {DELIVERED}


@pytest.mark.parametrize("header", ["x-amzn-waf-action", "cf-mitigated"])
def test_a_firewalls_challenge_is_no_success(odd: OddServer, header: str) -> None:
    """AWS WAF answers a client that shows no page with an empty 202."""
    add(1)
    odd.replies = [answer(202, b"", [(header, "challenge")]), all_ids]

    assert deliver_due(NOW).sent == 0
    drain()
    assert states() == {1: DELIVERED}


@pytest.mark.slow
@pytest.mark.parametrize("batch", [50, 5])
def test_doubt_never_parks(odd: OddServer, settings: Any, batch: int) -> None:
    """What Percipio has of it is not known, however often it was asked."""
    settings.PERCIPIO_BATCH_SIZE = batch
    for number in range(12):
        add(number)
    odd.replies = [refusing(lambda ids, bad: [one for one in ids if one != bad], 4)]

    drain(rounds=60)

    row = Statement.objects.get(state=WAITING)
    assert row.refusals["doubt"] > 30
    assert set(states().values()) == {WAITING, DELIVERED}
    assert Destination.objects.get().failures == 0


@pytest.mark.parametrize("where", [0, 8, 40])
def test_refused_by_name_while_others_are_left_open_closes_nothing(odd: OddServer, where: int) -> None:
    """Five are refused by name, and a count says that it is one more: nothing was said of the others yet."""
    for number in range(45):
        add(number)
    refused = {str(row.uuid) for row in Statement.objects.filter(learner_course__user_id__range=(where, where + 4))}

    def say(request: Request) -> bytes:
        bad = [one for one in request.ids if one in refused]
        count = len(bad) + (len(request.ids) > 1)
        return answer(207, {"failed": count, "errors": [{"id": one, "message": "bad"} for one in bad]})

    odd.replies = [say]

    done = deliver_due(NOW)

    assert Destination.objects.get().paused_reason == ""
    assert (done.sent, done.parked) == (40, 5)


def test_a_capped_list_of_errors_loses_nobody(odd: OddServer) -> None:
    """A server that refuses nine of twelve, and lists the first four: ``total`` says how many there were."""
    for number in range(12):
        add(number)
    refused = {str(row.uuid) for row in Statement.objects.filter(learner_course__user_id__gte=3)}
    stored: set[str] = set()

    def say(request: Request) -> bytes:
        bad = [one for one in request.ids if one in refused]
        stored.update(set(request.ids) - refused)
        return answer(207, {"total": len(bad), "errors": [{"id": one, "message": "bad"} for one in bad[:4]]})

    odd.replies = [say]

    drain(rounds=10)

    assert states() == {number: DELIVERED if number < 3 else PARKED for number in range(12)}
    assert len(stored) == 3


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ([{"status": 400, "message": "bad"}], PARKED),
        ({"status": "accepted"}, DELIVERED),
        ({}, DELIVERED),
        (b"", DELIVERED),
        ({"status": "error", "message": "Internal server error"}, WAITING),
        ({"errorMessage": "Task timed out"}, WAITING),
        (b"<html>Sign in</html>", WAITING),
    ],
)
def test_a_track_record_is_believed_at_once_unless_the_body_denies_it(
    odd: OddServer, settings: Any, body: Any, state: State
) -> None:
    settings.PERCIPIO_API = "track"
    add(1, track=track_of(1))
    odd.replies = [answer(200, body)]

    deliver_due(NOW)

    assert (states(), len(odd.requests)) == ({1: state}, 1)


def test_an_answer_is_kept_as_what_it_was(odd: OddServer) -> None:
    for number in range(3):
        add(number)
    odd.replies = [
        lambda request: answer(200, [request.ids[0], request.ids[2]]),
        lambda request: answer(200, request.ids),
    ]

    deliver_due(NOW)

    kept = DeliveryAttempt.objects.order_by("id").values_list("outcome", "statements", "accepted")
    assert list(kept) == [("partial", 3, 2), ("accepted", 1, 1)]
    assert json.loads(odd.requests[1].body)[0]["id"] == odd.requests[0].ids[1]
