"""The worker without a broker."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from benchmarks.proof.two_versions import PASS
from percipio_openedx.management.commands import percipio_run
from percipio_openedx.models import Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations.run import Pass, run_once
from percipio_sandbox import Sandbox
from tests.integration.builders import a_course, a_learner, enrolled

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("completing", "no_calls"),
]

Manage = Callable[..., Any]


def test_one_pass_looks_and_sends(arriving: Sandbox, manage: Manage) -> None:
    enrolled(a_learner(), a_course())
    ran = manage("percipio_run", "--json")
    assert (ran.code, ran.documents) == (0, [{"next_at": None, "broken": {}, "counts": ran.documents[0]["counts"]}])
    counts = {name: count for name, count in ran.documents[0]["counts"].items() if count}
    assert counts == {"observed": 1, "statements": 1, "sent": 1}
    assert [row.state for row in Statement.objects.all()] == [State.DELIVERED]
    assert len(arriving.statements) == 1


def test_the_harness_of_two_versions_reads_the_line_of_a_pass(
    arriving: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    enrolled(a_learner(), a_course())
    with caplog.at_level("INFO", "percipio_openedx.operations.run"):
        run_once()
    assert [PASS.search(line).groups() for line in caplog.messages if line.startswith("pass ")] == [("1", "1", "1")]


def test_a_pass_says_when_the_next_one_is_due(arriving: Sandbox, manage: Manage) -> None:
    enrolled(a_learner(), a_course())
    arriving.set_scenario("unavailable-503")
    ran = manage("percipio_run", "--json")
    assert ran.code == 0
    assert datetime.fromisoformat(ran.documents[0]["next_at"]) == Statement.objects.get().destination.retry_at


def test_a_pass_says_what_it_did(arriving: Sandbox, manage: Manage) -> None:
    assert manage("percipio_run").lines == ["Nothing was due. Due with the next notice."]
    enrolled(a_learner(), a_course())
    assert manage("percipio_run").lines == [
        "1 learner in a course observed, 1 statement queued, 1 statement delivered. Due with the next notice."
    ]


def test_the_loop_finishes_its_pass_when_asked_to_stop(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[str] = []

    def run_pass(budget: float) -> Pass:
        passes.append("begun")
        if len(passes) == 3:
            signal.raise_signal(signal.SIGTERM)
        passes.append("ended")
        return Pass()

    monkeypatch.setattr(percipio_run, "run_pass", run_pass)
    monkeypatch.setattr(percipio_run, "pause_until", lambda _: 0.0)
    handler = signal.getsignal(signal.SIGTERM)
    ran = manage("percipio_run", "--loop")
    assert (ran.code, ran.lines) == (0, ["Running until it is stopped (Ctrl-C)."]), "idle passes fill no log"
    assert passes == ["begun", "ended"] * 2
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.parametrize(
    ("ahead", "least", "most"),
    [(None, 30, 30), (timedelta(seconds=-5), 1, 1), (timedelta(seconds=10), 9, 10), (timedelta(hours=1), 30, 30)],
)
def test_the_pause_between_two_passes(ahead: timedelta | None, least: float, most: float) -> None:
    next_at = None if ahead is None else timezone.now() + ahead
    assert least <= percipio_run.pause_until(next_at) <= most
