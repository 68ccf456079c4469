"""Sending again, and looking without sending."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from percipio_openedx.capture import wake
from percipio_openedx.models import Destination, LearnerCourse, Notice, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import requeue
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.delivery.rows import add, destination_of, states

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

Manage = Callable[..., Any]


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether a worker was woken."""
    calls: list[bool] = []
    monkeypatch.setattr(wake, "on_commit", lambda: calls.append(True))
    return calls


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """One statement in each state: waiting, sending, delivered, parked (400 and 422), abandoned, kept."""
    monkeypatch.setattr(requeue, "AT_ONCE", 1)
    values: list[dict[str, Any]] = [
        {"state": State.WAITING},
        {"state": State.SENDING, "lease": uuid4(), "leased_until": timezone.now() + timedelta(minutes=5)},
        {"state": State.DELIVERED, "status": 200},
        {"state": State.PARKED, "status": 400},
        {"state": State.PARKED, "status": 422},
        {"state": State.DISCARDED, "status": 400},
        {"state": State.SKIPPED},
    ]
    found = []
    for number, one in enumerate(values):
        row = add(number, destination=destination_of("org-b" if number == 4 else ""))
        Statement.objects.filter(pk=row.pk).update(attempts=7, **one)
        found.append(row)
    return found


@pytest.mark.parametrize(
    ("arguments", "moved"),
    [
        (["--parked"], {3, 4}),
        (["--discarded"], {5}),
        (["--parked", "--discarded"], {3, 4, 5}),
        (["--parked", "--status", "422"], {4}),
        (["--parked", "--organization", ""], {3}),
        (["--parked", "--organization", "org-b"], {4}),
        (["--parked", "--site", "1"], {3, 4}),
        (["--parked", "--dry-run"], set()),
        (["--now"], set()),
    ],
)
def test_what_is_sent_again(
    rows: list[Statement], manage: Manage, woken: list[bool], arguments: list[str], moved: set[int]
) -> None:
    before = states()
    ran = manage("percipio_retry", *arguments, "--json")
    assert (ran.code, ran.documents[0]["queued"]) == (0, len(moved))
    assert states() == {number: State.OUTDATED if number in moved else state for number, state in before.items()}
    assert bool(woken) is bool(moved)
    assert set(Statement.objects.filter(attempts=0).values_list("pk", flat=True)) == {rows[n].pk for n in moved}


def test_single_statements(rows: list[Statement], manage: Manage) -> None:
    ran = manage("percipio_retry", "--uuid", str(rows[2].uuid), "--uuid", str(rows[6].uuid))
    assert (ran.code, ran.lines[0]) == (0, "2 statements chosen, 2 requeued.")
    # Percipio has the one; the other was never sent, and is built anew.
    assert (states()[2], states()[6]) == (State.WAITING, State.OUTDATED)


def test_an_unknown_id_and_one_under_way(rows: list[Statement], manage: Manage) -> None:
    ran = manage("percipio_retry", "--uuid", str(uuid4()), "--uuid", str(rows[1].uuid))
    assert ran.code == 1
    assert "2 of the ids are unknown, or on their way already" in ran.err
    assert manage("percipio_retry", "--uuid", str(uuid4()), "--dry-run").code == 1
    assert states()[1] == State.SENDING


def test_paused_destinations_are_tried_at_once(rows: list[Statement], manage: Manage, woken: list[bool]) -> None:
    later = timezone.now() + timedelta(hours=1)
    Destination.objects.filter(organization="org-b").update(retry_at=later, failures=3)
    done = {"chosen": 0, "queued": 0, "destinations": 1, "observations": 0, "learners": 0, "dry_run": False}
    assert manage("percipio_retry", "--now", "--json").documents == [done]
    row = Destination.objects.get(organization="org-b")
    assert row.retry_at is not None
    assert row.retry_at < later
    assert woken


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say which"),
        (["--uuid", "x"], "is a UUID"),
        (["--parked", "--site", "nowhere.example"], "there is no site"),
        (["--parked", "--uuid", str(uuid4())], "names single statements"),
    ],
)
def test_wrong_usage(manage: Manage, arguments: list[str], words: str) -> None:
    ran = manage("percipio_retry", *arguments)
    assert ran.code == 2
    assert words in ran.err


# --- preview ---------------------------------------------------------------------------------------------------------


def test_what_would_be_reported(manage: Manage) -> None:
    learner, course = a_learner(), a_course()
    enrolled(learner, course)
    Notice.objects.all().delete()
    ran = manage("percipio_preview", "amina", KEY, "--json")
    (found,) = ran.documents
    assert ran.code == 0
    assert [(one["kind"], one["track"]["status"]) for one in found["statements"]] == [("started", "started")]
    assert found["statements"][0]["statement"]["actor"]["mbox"] == "mailto:amina@example.com"
    assert {one["kind"] for one in found["not_due"]} == {"progressed", "passed", "failed", "completed"}

    text = manage("percipio_preview", str(learner.pk), KEY).out
    assert text.startswith("example.com: Cloud Foundations\nstarted\n{\n")
    assert "not due: completed: the LMS has no grade of this learner" in text
    assert not Statement.objects.exists()
    assert not LearnerCourse.objects.exists()


def test_who_is_not_reported(manage: Manage) -> None:
    a_learner(), a_course()
    ran = manage("percipio_preview", "amina@example.com", KEY)
    assert (ran.code, ran.lines) == (
        1,
        [
            "example.com: Cloud Foundations",
            "not reported: The learner was never enrolled in this course run: nothing is reported.",
        ],
    )


def test_a_site_that_reports_nothing(manage: Manage, settings: Any) -> None:
    settings.PERCIPIO_ENABLED = False
    a_learner(), a_course()
    ran = manage("percipio_preview", "amina", KEY)
    assert ran.code == 1
    assert "reports nothing" in ran.out


@pytest.mark.parametrize(
    ("who", "course", "words"), [("nobody", KEY, "no such learner"), ("amina", "CS101", "no course run")]
)
def test_whom_and_what_nobody_knows(manage: Manage, who: str, course: str, words: str) -> None:
    a_learner()
    ran = manage("percipio_preview", who, course)
    assert ran.code == 2
    assert words in ran.err
