"""What is in flight at once, and in which order the answers are learned."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.sender import THREADS, Sender
from percipio_sandbox import Sandbox
from tests.integration.delivery.odd_server import OddServer, Request, all_ids, answer
from tests.integration.delivery.rows import NOW, add, received

pytestmark = pytest.mark.django_db(transaction=True)


class Meeting:
    """A Percipio that answers only when so many requests are there at once, but for the first one."""

    def __init__(self, together: int) -> None:
        self._barrier = threading.Barrier(together, timeout=20)
        self._lock = threading.Lock()
        self._now = self.first = self.most = 0

    def __call__(self, request: Request) -> bytes:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            is_first, self.first = not self.first, 1
        if not is_first:
            self._barrier.wait()
        with self._lock:
            self._now -= 1
        return all_ids(request)


def test_one_request_until_something_was_accepted_and_then_several_at_once(odd: OddServer, settings: Any) -> None:
    settings.PERCIPIO_BATCH_SIZE, settings.PERCIPIO_TIMEOUT = 2, 20
    for number in range(2 + 2 * 2 * THREADS):
        add(number)
    meeting = Meeting(THREADS)
    odd.replies = [meeting]

    assert deliver_due(NOW).sent == 2 + 2 * 2 * THREADS
    assert meeting.most == THREADS


@pytest.mark.parametrize("said", [answer(503), answer(200, b"OK"), answer(404)], ids=["later", "plain", "not found"])
def test_one_request_at_a_time_while_nothing_is_accepted(
    odd: OddServer, settings: Any, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    settings.PERCIPIO_BATCH_SIZE = 2
    for number in range(20):
        add(number)
    in_flight: list[int] = []
    send = Sender.send

    def counted(sender: Sender, rows: Any) -> None:
        send(sender, rows)
        in_flight.append(len(sender))

    monkeypatch.setattr(Sender, "send", counted)
    odd.replies = [said]
    deliver_due(NOW)

    assert set(in_flight) == {1}


def test_what_was_claimed_and_not_sent_stays_first_and_uncounted(site: Sandbox, settings: Any) -> None:
    """The time was up: it is released as it was."""
    settings.PERCIPIO_BATCH_SIZE = 2
    rows = [add(number) for number in range(10)]
    before = [(row.pk, row.due_at, row.attempts) for row in rows]

    deliver_due(NOW, budget_seconds=0)

    for row in rows:
        row.refresh_from_db()
    assert [(row.pk, row.due_at, row.attempts) for row in rows] == before
    assert received(site) == []
