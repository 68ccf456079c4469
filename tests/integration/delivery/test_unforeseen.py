"""Whatever breaks inside a turn: what Percipio has taken meanwhile is settled, and not sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from percipio_openedx.delivery import breaker, sender, session
from percipio_openedx.delivery.claim import Claims
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.settle import settle
from percipio_openedx.enums import Outcome
from percipio_openedx.models import DeliveryAttempt, Destination
from percipio_openedx.models.statement import State
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, drain, received, states, track_of

pytestmark = pytest.mark.django_db(transaction=True)


def once(function: Callable[..., Any], number: int, error: Exception) -> Callable[..., Any]:
    """The function, of which one call, by its number, fails."""
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise error
        return function(*args, **kwargs)

    return wrapped


def sent_once(site: Sandbox, count: int) -> None:
    """After all that comes later, each has arrived, once."""
    drain(NOW + timedelta(minutes=1))
    assert set(states().values()) == {State.DELIVERED}
    assert Counter(Counter(received(site)).values()) == {1: count}


@pytest.mark.parametrize("error", [OperationalError(2013, "lost connection"), SoftTimeLimitExceeded()])
def test_a_claim_that_breaks_while_a_request_is_on_its_way(
    site: Sandbox, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for number in range(120):
        add(number)
    claim = Claims.claim
    arrived = Event()
    claimed = Event()
    post = PercipioClient.post_statements

    def posting(*args: Any) -> Any:
        answer = post(*args)
        arrived.set()
        return answer

    def broken(claims: Claims, *args: Any) -> Any:
        if not claimed.is_set():
            claimed.set()
            return claim(claims, *args)
        assert arrived.wait(10)
        raise error

    monkeypatch.setattr(PercipioClient, "post_statements", posting)
    monkeypatch.setattr(Claims, "claim", broken)
    result = deliver_due(NOW)
    monkeypatch.undo()

    # The second request may have left before the claim broke, or not.
    assert result.sent == len(received(site)) in (50, 100)
    assert Counter(states().values()) == {State.DELIVERED: result.sent, State.WAITING: 120 - result.sent}
    assert sum(DeliveryAttempt.objects.values_list("accepted", flat=True)) == result.sent
    assert Destination.objects.get().failures == 1
    sent_once(site, 120)


def test_an_answer_that_nobody_could_learn_from(site: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        add(number)
    Destination.objects.update(failures=1)
    monkeypatch.setattr(breaker, "succeeded", once(breaker.succeeded, 1, OperationalError(2013, "lost connection")))

    deliver_due(NOW)

    assert len(received(site)) == list(states().values()).count(State.DELIVERED) == 1
    sent_once(site, 3)


@pytest.mark.parametrize("number", [1, 2])
def test_what_was_taken_is_settled_when_the_manners_of_an_address_cannot_be_stored(
    sandbox: Sandbox, configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Of several records that came back together, too."""
    configured(sandbox, API="track")
    for each in range(4):
        add(each, track=track_of(each))
    monkeypatch.setattr(breaker, "learn", once(breaker.learn, number, OperationalError(2013, "lost connection")))

    deliver_due(NOW)

    delivered = list(states().values()).count(State.DELIVERED)
    assert len(sandbox.track) == delivered >= number
    drain(NOW + timedelta(minutes=1))
    assert len(sandbox.track) == 4


def test_a_settling_that_breaks_is_tried_again(site: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        add(number)
    monkeypatch.setattr(f"{session.__name__}.settle", once(settle, 1, RuntimeError("nobody foresaw this")))

    assert deliver_due(NOW).sent == 3

    assert DeliveryAttempt.objects.count() == 1
    sent_once(site, 3)


def test_a_settling_that_cannot_be_done_gives_the_rows_back(site: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("nobody foresaw this")

    add(1)
    monkeypatch.setattr(session, "settle", broken)
    deliver_due(NOW)
    monkeypatch.undo()

    assert states() == {1: State.WAITING}
    assert Destination.objects.get().failures == 1


def test_a_request_that_breaks_beside_others(
    sandbox: Sandbox, configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(sandbox, API="track")
    for number in range(8):
        add(number, track=track_of(number))
    post = PercipioClient.post_track

    def breaking(self: PercipioClient, record: bytes, organization: str = "") -> Any:
        if b"learner2@" in record:
            raise RuntimeError("nobody foresaw this")
        return post(self, record, organization)

    monkeypatch.setattr(PercipioClient, "post_track", breaking)
    deliver_due(NOW)
    monkeypatch.undo()

    users = [f"learner{number}@example.com" for number in range(8)]
    found = states()
    assert found[2] == State.WAITING
    assert sandbox.track
    assert {record["user"] for record in sandbox.track} == {users[n] for n in found if found[n] == State.DELIVERED}
    drain(NOW + timedelta(minutes=1))
    assert sorted(record["user"] for record in sandbox.track) == users


def test_what_breaks_on_the_bytes_of_one_answer_is_about_one_statement(
    site: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is looked for like any other culprit, and all others leave in the same session."""
    judged = sender.judge

    def breaking(answer: Any, ids: Any, **more: Any) -> Any:
        if bad in ids and answer.outcome is Outcome.ACCEPTED:
            raise RecursionError("canary: nobody foresaw this answer")
        return judged(answer, ids, **more)

    bad = [add(number).uuid for number in range(20)][7]
    monkeypatch.setattr(sender, "judge", breaking)

    assert deliver_due(NOW).sent == 19
    assert states()[7] == State.WAITING
    assert Destination.objects.get().failures == 0
    assert ("RecursionError" in caplog.text, "canary" in caplog.text) == (True, False)
    monkeypatch.undo()
    sent_once(site, 20)
