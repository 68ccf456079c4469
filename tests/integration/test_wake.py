"""A broker that refuses or hangs costs a learner nothing, and is asked at most once a minute."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from common.djangoapps.student.models import CourseEnrollment
from django.core.cache import cache
from kombu import Connection

from percipio_openedx import tasks
from percipio_openedx.capture import wake
from percipio_openedx.models import Notice, Statement
from tests.integration.builders import a_course, a_learner, enrolled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("seconds", [0, 60, 900, 2700, 86400])
def test_a_run_is_never_called_further_ahead_than_a_broker_waits(
    settings: Any, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    """However long acts are gathered: RabbitMQ ends a worker that holds a message unacknowledged for half an hour."""
    settings.PERCIPIO_OBSERVE_AFTER = seconds
    asked: list[float] = []
    monkeypatch.setattr(tasks.run, "apply_async", lambda countdown, **_: asked.append(countdown))

    enrolled(a_learner(), a_course())
    wake.waker.wait(5)

    assert asked == [min(max(2, seconds), 900)]
    # Whoever finds that somebody called has committed before that run reads.
    assert wake.window() < asked[0]


def test_what_is_gathered_for_hours_is_looked_at_in_the_end(reporting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run finds nothing due and calls the next one, until the day is over."""
    reporting.PERCIPIO_OBSERVE_AFTER = 86400
    asked: list[float] = []
    monkeypatch.setattr(tasks.run, "apply_async", lambda countdown, **_: asked.append(countdown))
    runs = 0
    with time_machine.travel(datetime(2026, 3, 1, 12, 0, tzinfo=UTC), tick=False) as clock:
        enrolled(a_learner(), a_course())
        wake.waker.wait(5)
        while asked and runs < 200:
            clock.shift(asked.pop())
            cache.clear()
            runs += 1
            tasks.run()
            if not Notice.objects.exists():
                break

    assert (Notice.objects.count(), runs) == (0, 96)
    assert Statement.objects.count() == 1


@pytest.fixture(autouse=True)
def _rested() -> Iterator[None]:
    wake.waker.forget()
    yield
    wake.waker.wait(5)
    wake.waker.forget()


def test_a_refusing_broker_is_left_alone_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def refuse(**_: Any) -> None:
        tried.append(1)
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(tasks.run, "apply_async", refuse)
    course = a_course()
    for number in range(5):
        enrolled(a_learner(f"learner{number}"), course)
        wake.waker.wait(5)

    assert len(tried) == 1
    assert Notice.objects.count() == 5
    assert CourseEnrollment.objects.filter(is_active=True).count() == 5


def test_a_hanging_broker_holds_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call never comes back; every request does, and no second thread is started beside the hanging one."""
    released = threading.Event()
    monkeypatch.setattr(tasks.run, "apply_async", lambda **_: released.wait(30))
    course = a_course()
    try:
        for number in range(5):
            enrolled(a_learner(f"learner{number}"), course)
            wake.waker._quiet_until = 0.0
        hanging = [thread for thread in threading.enumerate() if thread.name == "percipio-wake"]
        assert len(hanging) == 1
        assert Notice.objects.count() == 5
    finally:
        released.set()


@pytest.mark.slow
def test_a_real_socket_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a broker that accepts the connection and says nothing, the enrolment stands at once.

    The message goes over a connection of its own: Celery's pool would keep the dead one for the tests that follow.
    """
    publish = tasks.run.apply_async
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}//"
        with Connection(address, connect_timeout=5) as broker:
            monkeypatch.setattr(tasks.run, "apply_async", lambda **options: publish(connection=broker, **options))
            learner, course = a_learner(), a_course()
            enrolled(learner, course)
            assert CourseEnrollment.is_enrolled(learner, course)
            assert Notice.objects.count() == 1
            # The server's end goes, and with it the thread's hope.
            silent.close()
            wake.waker.wait(10)
