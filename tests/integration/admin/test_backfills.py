"""A back-fill is started after its forecast, carried on by the workers, watched, stopped and resumed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from percipio_openedx.admin import backfills
from percipio_openedx.capture import wake
from percipio_openedx.models import BackfillRun, Notice, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import backfill, walk
from percipio_openedx.operations.backfill import carry_on
from percipio_openedx.operations.run import run_pass
from percipio_openedx.operations.scope import Scope
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.operations.conftest import command

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

START = "admin:percipio_openedx_backfillrun_add"
OTHER = "course-v1:OtherX+B2+2026"
EMPTY = {"site_id": "", "org": "", "course_keys": "", "since": "", "until": ""}


@pytest.fixture
def history() -> list[str]:
    """Five learners of one course run and one of another; nothing of it was noticed."""
    course, other = a_course(units=1), a_course(OTHER, units=1)
    names = [f"learner{number}" for number in range(5)]
    for name in names:
        enrolled(a_learner(name), course)
    enrolled(a_learner("elsewhere"), other)
    Notice.objects.all().delete()
    return names


@pytest.fixture
def runner(operator: Callable[..., Client]) -> Client:
    """Who may see back-fills, and start and stop them."""
    return operator("view_backfillrun", "run_backfillrun")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(wake, "on_commit", lambda: calls.append("woken"))
    return calls


def url(name: str, pk: int) -> str:
    return reverse(f"admin:percipio_openedx_backfillrun_{name}", args=[pk])


def started(client: Client, **bounds: str) -> BackfillRun:
    """Forecast, and started from that page, as an operator does."""
    given = {**EMPTY, **bounds}
    page = client.post(reverse(START), {**given, "forecast": "1"})
    answer = client.post(reverse(START), {**given, "forecast_of": page.context["key"], "start": "1"})
    run = BackfillRun.objects.latest("pk")
    assert (answer.status_code, answer.headers["Location"]) == (302, url("change", run.pk))
    return run


def reported() -> list[str]:
    return sorted(Statement.objects.values_list("course_key", flat=True))


def acts() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def test_the_forecast_comes_first_and_writes_nothing(
    history: list[str], runner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The page of a configuration leads here with its site.
    assert 'value="1" selected' in runner.get(reverse(START), {"site_id": "1"}).content.decode()
    monkeypatch.setattr(backfills, "SAMPLE", 4)
    page = runner.post(reverse(START), {**EMPTY, "forecast": "1"})
    found = page.context["found"]
    assert (found.enrollments, found.courses, found.examined) == (6, 2, 3)
    assert dict(found.statements) == {"started": 3}
    assert "3 × started" in page.content.decode()
    assert not BackfillRun.objects.exists() and not Statement.objects.exists()


@pytest.mark.parametrize(
    ("bounds", "scope"),
    [
        ({}, Scope()),
        ({"site_id": "1", "org": " DemoX "}, Scope(site_id=1, org="DemoX")),
        ({"course_keys": f"{OTHER}\n {KEY}\n{KEY}"}, Scope(course_keys=(OTHER, KEY))),
    ],
)
def test_what_is_asked_for(history: list[str], runner: Client, bounds: dict[str, str], scope: Scope) -> None:
    run = started(runner, **bounds)
    assert (run.scope, run.scope_key) == (scope.text, scope.key)
    assert Scope.read(run.scope).key == scope.key


def test_days_are_whole(history: list[str], runner: Client) -> None:
    run = started(runner, since="2026-01-30", until="2026-01-31")
    read = Scope.read(run.scope)
    assert (f"{read.since:%Y-%m-%d %H:%M %Z}", f"{read.until:%Y-%m-%d %H:%M %Z}") == (
        "2026-01-30 00:00 UTC",
        "2026-02-01 00:00 UTC",
    )


@pytest.mark.parametrize(
    "bounds",
    [{"course_keys": "nonsense"}, {"since": "soon"}, {"since": "2026-02-01", "until": "2026-01-01"}, {"site_id": "99"}],
)
def test_wrong_bounds(history: list[str], runner: Client, bounds: dict[str, str]) -> None:
    page = runner.post(reverse(START), {**EMPTY, **bounds, "start": "1"})
    assert page.status_code == 200
    assert page.context["form"].errors
    assert not BackfillRun.objects.exists()


def test_only_what_was_forecast_is_started(history: list[str], runner: Client) -> None:
    """Whoever changes the bounds beside the forecast sees another forecast."""
    page = runner.post(reverse(START), {**EMPTY, "forecast": "1"})
    given = {**EMPTY, "org": "OtherX", "forecast_of": page.context["key"], "start": "1"}
    page = runner.post(reverse(START), given)
    assert page.context["found"].enrollments == 1
    assert not BackfillRun.objects.exists()


def test_the_workers_carry_it_on_and_deliver(
    arriving: Sandbox, history: list[str], runner: Client, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MOST", 2)
    monkeypatch.setattr(backfill, "AT_ONCE_IN_A_PASS", 2)
    run = started(runner)
    assert (run.by_workers, run.enrollments, woken) == (True, 6, ["woken"])
    assert acts() == ["Started by an operator."]
    parts = []
    for _ in range(4):
        done = run_pass(budget=60)
        run.refresh_from_db()
        parts.append((run.enrollments_done, run.statements, run.finished_at is not None))
        if run.finished_at is None:
            assert done.next_at is not None
            assert done.next_at <= timezone.now()
    assert parts[:3] == [(2, 2, False), (4, 4, False), (6, 6, True)]
    assert reported() == [KEY] * 5 + [OTHER]
    assert not Statement.objects.exclude(state=State.DELIVERED).exists()


def test_it_is_watched_stopped_and_resumed(
    history: list[str], runner: Client, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MOST", 2)
    monkeypatch.setattr(backfill, "AT_ONCE_IN_A_PASS", 2)
    run = started(runner)
    carry_on()
    page = runner.get(url("change", run.pk)).content.decode()
    assert "2 of 6" in page
    assert '<progress max="6" value="2">' in page
    assert "carried on by the workers" in page
    assert url("stop", run.pk) in page and url("resume", run.pk) not in page

    assert runner.post(url("stop", run.pk)).status_code == 302
    assert carry_on().next_at is None
    page = runner.get(url("change", run.pk)).content.decode()
    assert "stopped" in page
    assert url("resume", run.pk) in page and url("stop", run.pk) not in page
    assert len(reported()) == 2

    assert runner.post(url("resume", run.pk)).status_code == 302
    for _ in range(3):
        carry_on()
    assert reported() == [KEY] * 5 + [OTHER]
    page = runner.get(url("change", run.pk)).content.decode()
    assert url("stop", run.pk) not in page and url("resume", run.pk) not in page
    assert acts() == ["Started by an operator.", "Stopped by an operator.", "Resumed by an operator."]
    # What is over can be neither.
    for name in ("stop", "resume"):
        runner.post(url(name, run.pk))
    assert len(acts()) == 3
    assert woken == ["woken"] * 2


def test_stopped_in_the_middle_of_a_part(history: list[str], runner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE_IN_A_PASS", 2)
    run = started(runner)
    observe = walk.observe

    def stopping(*given: Any, **how: Any) -> Any:
        runner.post(url("stop", run.pk))
        return observe(*given, **how)

    with monkeypatch.context() as patch:
        patch.setattr(walk, "observe", stopping)
        assert carry_on().observed == 2
    run.refresh_from_db()
    assert (run.finished_at, run.lease, run.by_workers, run.enrollments_done) == (None, None, False, 0)
    runner.post(url("resume", run.pk))
    carry_on()
    assert reported() == [KEY] * 5 + [OTHER]


def test_stopped_before_the_worker_that_read_of_it_begins(history: list[str], runner: Client) -> None:
    run = started(runner)
    runner.post(url("stop", run.pk))
    work = backfill.WorkersBackfill(Scope(), run, threading.Event())
    assert run.by_workers
    assert (work.work(), work.is_taken, run.by_workers) == (False, True, False)
    assert not Statement.objects.exists()
    run.refresh_from_db()
    assert run.lease is None


def test_the_page_stops_the_command(history: list[str], runner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "AT_ONCE", 2)
    observe, seen = walk.observe, []

    def stopping(*given: Any, **how: Any) -> Any:
        run = BackfillRun.objects.get()
        # The workers leave it alone meanwhile, and the page says who has it.
        assert carry_on().next_at is None
        assert not backfill.resume([run.pk])
        seen.append(runner.get(url("change", run.pk)).content.decode())
        runner.post(url("stop", run.pk))
        return observe(*given, **how)

    with monkeypatch.context() as patch:
        patch.setattr(walk, "observe", stopping)
        ran = command("percipio_backfill")
    assert (ran.code, ran.lines[0].split(maxsplit=2)[2]) == (1, "was stopped, or is carried out elsewhere now.")
    assert ["carried out by percipio_backfill" in page for page in seen] == [True]
    assert command("percipio_backfill").code == 0
    assert reported() == [KEY] * 5 + [OTHER]
    assert BackfillRun.objects.count() == 1


def test_the_command_takes_over_what_the_workers_carry_on(
    history: list[str], runner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE_IN_A_PASS", 2)
    run = started(runner)
    observe, codes = walk.observe, []

    def meanwhile(*given: Any, **how: Any) -> Any:
        found = observe(*given, **how)
        if not codes:
            codes.append(0)
            codes.append(command("percipio_backfill").code)
        return found

    monkeypatch.setattr(walk, "observe", meanwhile)
    assert carry_on().observed == 2
    run.refresh_from_db()
    assert (codes, run.by_workers, run.finished_at is not None, run.enrollments_done) == ([0, 0], False, True, 6)
    assert reported() == [KEY] * 5 + [OTHER]


def test_the_page_goes_on_with_what_the_command_left(history: list[str], runner: Client) -> None:
    stop = threading.Event()
    stop.set()
    scope = Scope()
    run = backfill.begin(scope)
    assert not backfill.Backfill(scope, run, stop).work()
    page = runner.post(reverse(START), {**EMPTY, "forecast": "1"})
    assert page.context["before"] == run
    assert url("change", run.pk) in page.content.decode()
    assert started(runner) == run
    carry_on()
    assert reported() == [KEY] * 5 + [OTHER]


def test_a_mistake_of_a_site_is_seen_and_tried_again(history: list[str], runner: Client, settings: Any) -> None:
    run = started(runner)
    settings.PERCIPIO_REGION = "nowhere"
    before = timezone.now()
    found = carry_on()
    assert found.broken == ""
    assert found.next_at is not None
    assert found.next_at >= before + timedelta(seconds=60)
    run.refresh_from_db()
    assert "PERCIPIO_REGION" in run.problem
    assert "PERCIPIO_REGION" in runner.get(url("change", run.pk)).content.decode()
    settings.PERCIPIO_REGION = "custom"
    carry_on()
    run.refresh_from_db()
    assert (run.finished_at is not None, run.problem) == (True, "")


def test_a_scope_that_cannot_be_read_breaks_no_other(history: list[str], runner: Client) -> None:
    BackfillRun.objects.create(scope_key="x", scope="no JSON", started_at=timezone.now(), by_workers=True)
    started(runner)
    found = carry_on()
    assert found.broken == "JSONDecodeError"
    assert reported() == [KEY] * 5 + [OTHER]


def test_whoever_may_only_see_does_nothing(history: list[str], runner: Client, operator: Callable[..., Client]) -> None:
    run = started(runner)
    seeing = operator("view_backfillrun", name="seeing")
    assert seeing.get(reverse(START)).status_code == 403
    assert seeing.post(reverse(START), EMPTY).status_code == 403
    page = seeing.get(url("change", run.pk))
    assert page.status_code == 200
    for name in ("stop", "resume"):
        assert url(name, run.pk) not in page.content.decode()
        assert seeing.post(url(name, run.pk)).status_code == 403
        # A link followed by accident does nothing.
        assert runner.get(url(name, run.pk)).status_code == 405
    run.refresh_from_db()
    assert run.by_workers


def test_the_command_wakes_workers_while_it_runs(
    history: list[str], woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "AT_ONCE", 2)
    observe, before = walk.observe, []

    def observing(*given: Any, **how: Any) -> Any:
        before.append(len(woken))
        return observe(*given, **how)

    monkeypatch.setattr(walk, "observe", observing)
    assert command("percipio_backfill").code == 0
    assert before == [0, 1, 2, 3]
    woken.clear()
    # With nothing to deliver nobody is called.
    assert command("percipio_backfill").code == 0
    assert woken == []
