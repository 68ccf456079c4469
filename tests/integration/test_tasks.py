"""Runs that call the next run: once, in steps, and never in eager mode."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import hypothesis
import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from percipio_openedx import tasks
from percipio_openedx.operations.run import Slot, slot_taken

Calls = list[float]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """The countdowns with which runs are called."""
    called: Calls = []
    monkeypatch.setattr(tasks.run, "apply_async", lambda countdown, retry: called.append(countdown))
    return called


def run_that_ends_with(monkeypatch: pytest.MonkeyPatch, next_at: datetime | None) -> None:
    monkeypatch.setattr(tasks, "run_once", lambda budget: next_at)
    tasks.run()


def test_a_run_calls_the_next_for_when_it_is_due(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    run_that_ends_with(monkeypatch, timezone.now() + timedelta(seconds=120))
    assert [round(countdown) for countdown in calls] == [120]


def test_nothing_left_calls_nobody(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    run_that_ends_with(monkeypatch, None)
    assert calls == []


def test_a_far_time_is_reached_in_steps(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    run_that_ends_with(monkeypatch, timezone.now() + timedelta(days=2))
    assert calls == [tasks.LONGEST_COUNTDOWN]


def test_one_call_is_enough(calls: Calls) -> None:
    later, sooner = timezone.now() + timedelta(seconds=300), timezone.now() + timedelta(seconds=30)
    tasks.schedule(later)
    tasks.schedule(later)
    assert len(calls) == 1
    tasks.schedule(sooner)
    tasks.schedule(later)
    assert [round(countdown) for countdown in calls] == [300, 30]


@given(at=st.floats(1, 800), waited=st.floats(0, 0.5))
@hypothesis.settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_one_call_is_enough_to_the_microsecond(calls: Calls, at: float, waited: float) -> None:
    """A sum of floats is not always the same sum: compared as such, one time in a few was called twice."""
    tasks.cache.clear()
    calls.clear()
    now = timezone.now()
    due = now + timedelta(seconds=at)
    with time_machine.travel(now, tick=False) as clock:
        tasks.schedule(due)
        clock.shift(waited)
        tasks.schedule(due)
    assert len(calls) == 1


def test_a_broken_run_is_tried_again(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    def broken(budget: float) -> datetime | None:
        raise RuntimeError("something nobody thought of")

    monkeypatch.setattr(tasks, "run_once", broken)
    with pytest.raises(RuntimeError):
        tasks.run()
    assert [round(countdown) for countdown in calls] == [tasks.AFTER_A_BROKEN_RUN]


def test_eager_runs_call_nobody(monkeypatch: pytest.MonkeyPatch, calls: Calls, settings: Any) -> None:
    settings.CELERY_ALWAYS_EAGER = True
    run_that_ends_with(monkeypatch, timezone.now())
    assert calls == []


def test_a_worker_that_starts_takes_up_what_waits(calls: Calls, settings: Any) -> None:
    tasks._worker_ready(sender=None)
    tasks._worker_ready(sender=None)
    assert calls == [1]
    settings.PERCIPIO_ENABLED = False
    tasks.cache.clear()
    tasks._worker_ready(sender=None)
    assert calls == [1]


def test_the_message_carries_nothing() -> None:
    assert tasks.run.name == "percipio_openedx.tasks.run"
    assert tasks.run.ignore_result
    assert not inspect.signature(tasks.run.run).parameters


def test_much_work_calls_one_run_more_and_never_more_than_allowed(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, settings: Any
) -> None:
    settings.PERCIPIO_PARALLEL_RUNS = 2
    run_that_ends_with(monkeypatch, timezone.now())
    assert [round(countdown) for countdown in calls] == [0, 0]
    tasks.cache.clear()
    calls.clear()
    with slot_taken(2, longest=60) as first:
        assert first == Slot(0, has_neighbor=True)
        # The second place has no neighbour: it calls its own next run only.
        run_that_ends_with(monkeypatch, timezone.now())
        assert len(calls) == 1
        with slot_taken(2, longest=60) as second:
            assert second == Slot(1, has_neighbor=False)
            # All places are taken: the run ends at once, and comes again in case their holders were killed.
            run_that_ends_with(monkeypatch, None)
            run_that_ends_with(monkeypatch, None)
            assert [round(countdown) for countdown in calls] == [0, tasks.AFTER_A_BROKEN_RUN]
    with slot_taken(2, longest=60) as again:
        assert again == Slot(0, has_neighbor=True)


def test_a_cache_that_remembers_nothing_multiplies_nothing(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, settings: Any
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    run_that_ends_with(monkeypatch, timezone.now())
    assert [round(countdown) for countdown in calls] == [0]


def test_a_killed_run_is_handed_out_again() -> None:
    assert (tasks.run.acks_late, tasks.run.reject_on_worker_lost) == (True, True)
