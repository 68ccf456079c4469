"""Fixtures that every test has, and the pretend Percipio for those that ask."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from celery.app.task import Task
from celery.result import EagerResult
from django.core.cache import cache
from django.utils import translation
from edx_django_utils.cache import RequestCache
from hypothesis import HealthCheck, settings

from percipio_openedx import edx_platform
from percipio_openedx.operations import installation_checks

# A busy machine is no fault, and the first text that is drawn in a fresh clone makes Hypothesis build its table of
# characters, which takes a second or more. All else stays as Hypothesis has it, in CI as well.
settings.register_profile("untimed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

LOCAL_NAMES = frozenset({"localhost", ""})


def _is_local(host: str) -> bool:
    if host in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches another machine: a real Percipio must never hear of a test's learners."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(str(address[0])):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """A page that was asked for in German leaves its thread in German, which is none of the next test's."""
    translation.deactivate()
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _forget_caches() -> Iterator[None]:
    """What one test cached, per request, in the process or in the shared cache, is gone for the next."""
    _forget()
    yield
    _forget()


@pytest.fixture(autouse=True)
def _no_worker_is_waited_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works behind the broker in memory, and the doctor need not wait to find that out."""
    if request.node.get_closest_marker("services") is None:
        monkeypatch.setattr(installation_checks, "WORKER_WAIT", 0.05)


class LmsWorker:
    """The LMS's worker: its tasks run in autocommit, each with request caches of its own."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Task, dict[str, Any]]] = []

    def work(self) -> None:
        """Run what waits, and what that queues in turn; a failing task is tried again as often as it asks."""
        while self.waiting:
            task, kwargs = self.waiting.pop(0)
            RequestCache.clear_all_namespaces()
            task.apply(kwargs=kwargs)
            RequestCache.clear_all_namespaces()


def _forget() -> None:
    RequestCache.clear_all_namespaces()
    cache.clear()
    edx_platform.forget_outlines()


@pytest.fixture
def lms_worker(monkeypatch: pytest.MonkeyPatch) -> LmsWorker:
    """Holds the platform's own tasks (grades, certificates) until the test lets the worker work."""
    worker = LmsWorker()
    publish = Task.apply_async

    def queue(task: Task, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        if task.name.startswith("lms."):
            worker.waiting.append((task, kwargs or {}))
            return EagerResult("queued", None, "PENDING")
        return publish(task, args, kwargs, **options)

    monkeypatch.setattr(Task, "apply_async", queue)
    return worker


@pytest.fixture
def sandbox() -> Iterator[Any]:
    """A pretend Percipio that accepts what is right; on a port of its own."""
    from percipio_sandbox import Sandbox

    with Sandbox() as running:
        yield running
