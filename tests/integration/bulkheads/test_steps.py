"""Observing, building anew, delivering and alerting are steps of a pass: whatever breaks one, the others are done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.utils import timezone

from percipio_openedx import reporting, tasks
from percipio_openedx.catalog import push
from percipio_openedx.delivery import dispatcher
from percipio_openedx.models import Alert, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts, backfill, sweep
from percipio_openedx.operations.problem_kinds import Step
from percipio_openedx.operations.run import run_once, run_pass
from percipio_openedx.reporting import due, failures
from tests.integration.builders import a_course, a_learner, enrolled
from tests.poison import CANARY, FEW, errors

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

Manage = Callable[..., Any]

ERRORS = errors()
STEPS = {
    Step.OBSERVING: (reporting, "report_due"),
    Step.REBUILDING: (reporting, "rebuild_due"),
    Step.DELIVERING: (dispatcher, "deliver_due"),
    Step.CATALOG: (push, "push_due"),
    Step.BACKFILLING: (backfill, "carry_on"),
    Step.SWEEPING: (sweep, "sweep_due"),
    Step.ALERTING: (alerts, "check"),
}


@pytest.fixture(autouse=True)
def _waiting(arriving: Any) -> None:
    """A statement that is to be sent, and a notice that is to be looked at."""
    alerts.forget()
    course = a_course()
    enrolled(a_learner("before"), course)
    reporting.report_due()
    enrolled(a_learner("after"), course)


def break_step(monkeypatch: pytest.MonkeyPatch, step: Step, error: BaseException) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(*STEPS[step], broken)


def breaking(error: Exception | None) -> None:
    if error is not None:
        raise error


def statements(*states: State) -> int:
    return Statement.objects.filter(state__in=states).count()


@pytest.mark.parametrize("step", Step)
def test_the_others_are_done(monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    checked: list[Any] = []
    monkeypatch.setattr(alerts, "errors", lambda now, broken: checked.append(now) or [])
    break_step(monkeypatch, step, ValueError(CANARY))
    done = run_pass()
    assert done.broken == {step: "ValueError"}
    assert Statement.objects.count() == (1 if step is Step.OBSERVING else 2)
    assert (statements(State.DELIVERED) > 0) is (step is not Step.DELIVERING)
    assert bool(checked) is (step is not Step.ALERTING)
    assert done.next_at is not None
    assert done.next_at <= timezone.now() + timedelta(seconds=60)


# Done before anybody is observed.
BEFORE = {"recheck": (due, "notice_rechecks"), "compaction": (failures, "compact_late")}


@pytest.mark.parametrize("act", BEFORE)
def test_what_is_done_before_observing_does_not_stop_it(
    monkeypatch: pytest.MonkeyPatch, act: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And is seen all the same: whoever waits for a day would wait for ever."""
    done: list[str] = []
    for name, (module, function) in BEFORE.items():
        error = ValueError(CANARY) if name == act else None
        monkeypatch.setattr(module, function, lambda *_, name=name, error=error: done.append(name) or breaking(error))
    found = run_pass()
    assert done == list(BEFORE)
    assert found.broken == {Step.OBSERVING: "ValueError"}
    assert (Statement.objects.count(), statements(State.DELIVERED)) == (2, 2)
    assert found.next_at is not None
    assert timezone.now() < found.next_at <= timezone.now() + timedelta(seconds=60)
    assert Alert.objects.get(kind="broken").is_on
    assert CANARY not in caplog.text
    monkeypatch.undo()
    assert run_pass().broken == {}


@pytest.mark.parametrize("act", BEFORE)
def test_a_lock_before_observing_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    monkeypatch.setattr(*BEFORE[act], lambda *_: breaking(OperationalError(1205, "Lock wait timeout exceeded")))
    found = run_pass()
    assert (found.broken, Statement.objects.count()) == ({}, 2)
    assert found.next_at is not None
    assert timezone.now() < found.next_at <= timezone.now() + timedelta(seconds=60)


@pytest.mark.parametrize("name", [name for name in FEW if name in ERRORS])
def test_whatever_breaks_it(monkeypatch: pytest.MonkeyPatch, name: str, caplog: pytest.LogCaptureFixture) -> None:
    for step in Step:
        break_step(monkeypatch, step, ERRORS[name])
    assert run_once() is not None
    assert set(run_pass().broken) == set(Step)
    assert CANARY not in caplog.text


def test_a_time_limit_of_the_worker_ends_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    break_step(monkeypatch, Step.OBSERVING, SoftTimeLimitExceeded())
    with pytest.raises(SoftTimeLimitExceeded):
        run_once()


@pytest.mark.parametrize("step", Step)
def test_the_next_run_is_called(monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    called: list[Any] = []
    monkeypatch.setattr(tasks, "schedule", called.append)
    break_step(monkeypatch, step, ValueError(CANARY))
    tasks.run.apply().get()
    (at,) = called
    assert at <= timezone.now() + timedelta(seconds=60)


@pytest.mark.parametrize("step", [Step.OBSERVING, Step.DELIVERING])
def test_the_operator_is_told_once_and_once_that_it_is_over(step: Step) -> None:
    with pytest.MonkeyPatch.context() as for_a_while:
        break_step(for_a_while, step, ValueError(CANARY))
        for _ in range(3):
            alerts.forget()
            run_once()
    reported = Alert.objects.get(kind="broken")
    assert (reported.subject, reported.is_on) == (step.value, True)
    assert "ValueError" in reported.message
    assert CANARY not in reported.message
    alerts.check(at_once=True)
    reported.refresh_from_db()
    assert reported.is_on, "nobody has made a pass since"
    alerts.forget()
    run_once()
    reported.refresh_from_db()
    assert not reported.is_on


def test_the_command_says_it_in_words(monkeypatch: pytest.MonkeyPatch, manage: Manage) -> None:
    break_step(monkeypatch, Step.OBSERVING, ValueError(CANARY))
    ran = manage("percipio_run", "--json")
    assert ran.code == 1
    assert ran.documents[0]["broken"] == {"observing": "ValueError"}
    assert ran.err == "observing broke (ValueError); the rest was done\n"
