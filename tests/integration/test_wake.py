"""A broker that refuses or hangs costs a learner nothing, and is asked at most once a minute."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from kombu import Connection

from percipio_openedx import tasks
from percipio_openedx.capture import wake
from percipio_openedx.models import Notice
from tests.integration.builders import a_course, a_learner, enrolled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _rested() -> Iterator[None]:
    wake.rest()
    yield
    wake.wait(5)
    wake.rest()


def test_a_refusing_broker_is_left_alone_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def refuse(**_: Any) -> None:
        tried.append(1)
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(tasks.run, "apply_async", refuse)
    course = a_course()
    for number in range(5):
        enrolled(a_learner(f"learner{number}"), course)
        wake.wait(5)

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
            wake._waker._quiet_until = 0.0
        hanging = [thread for thread in threading.enumerate() if thread.name == "percipio-wake"]
        assert len(hanging) == 1
        assert Notice.objects.count() == 5
    finally:
        released.set()


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
            wake.wait(10)
