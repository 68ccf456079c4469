"""The list of learners unknown to Percipio: who sees it, who may try again, and what the other pages say of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from percipio_openedx.capture import wake
from percipio_openedx.models import Notice, Statement, UnknownLearner
from percipio_openedx.models.statement import State
from percipio_openedx.operations import metrics, problems, status
from percipio_openedx.operations.doctor import health
from percipio_openedx.reporting.retirement import erase
from tests.integration.admin.world import World
from tests.integration.operations.conftest import command

LIST = "admin:percipio_openedx_unknownlearner_changelist"


@pytest.fixture
def unknown(world: World, reporting: Any, monkeypatch: pytest.MonkeyPatch) -> UnknownLearner:
    """Whom the parked statement is of."""
    monkeypatch.setattr(wake, "on_commit", lambda: None)
    parked = world.by_state[State.PARKED]
    since = (parked.settled_at or world.now) - timedelta(seconds=1)
    return UnknownLearner.objects.create(
        destination=world.destination,
        user_id=parked.learner_course.user_id,
        actor_key="a",
        since=since,
        last_refused_at=since,
    )


def try_again(client: Client, *rows: UnknownLearner) -> Any:
    return client.post(reverse(LIST), {"action": "try_again", "_selected_action": [row.pk for row in rows]})


def state_of(world: World) -> str:
    return Statement.objects.get(pk=world.by_state[State.PARKED].pk).state


@pytest.mark.django_db(transaction=True)
def test_try_again_requeues_observes_and_is_in_the_log(
    world: World, unknown: UnknownLearner, everything: Client
) -> None:
    assert try_again(everything, unknown).status_code == 302
    assert (UnknownLearner.objects.exists(), state_of(world)) == (False, State.OUTDATED)
    (notice,) = Notice.objects.filter(reason="known_again")
    assert (notice.user_id, notice.course_key) == (unknown.user_id, "")
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == (
        f"unknown learner {unknown.pk}",
        "To be tried again, by an operator.",
    )


@pytest.mark.django_db(transaction=True)
def test_it_takes_the_permission_to_requeue(
    world: World, unknown: UnknownLearner, operator: Callable[..., Client]
) -> None:
    seeing = operator("view_unknownlearner", name="seeing")
    page = seeing.get(reverse(LIST)).content.decode()
    assert f">{unknown.user_id}<" in page
    assert "amina" not in page and "hostile" not in page
    try_again(seeing, unknown)
    assert (UnknownLearner.objects.exists(), state_of(world)) == (True, State.PARKED)
    try_again(operator("view_unknownlearner", "requeue_statement", name="doing"), unknown)
    assert (UnknownLearner.objects.exists(), state_of(world)) == (False, State.OUTDATED)


@pytest.mark.django_db(transaction=True)
def test_only_what_was_parked_since_is_tried_again(world: World, unknown: UnknownLearner, everything: Client) -> None:
    unknown.since = timezone.now() + timedelta(seconds=1)
    unknown.save()
    try_again(everything, unknown)
    assert state_of(world) == State.PARKED


@pytest.mark.django_db(transaction=True)
def test_the_list_is_filtered_by_site_and_found_by_user(unknown: UnknownLearner, everything: Client) -> None:
    for query, count in (("", 1), ("?site=1", 1), ("?site=2", 0), (f"?q={unknown.user_id}", 1), ("?q=999", 0)):
        assert len(everything.get(reverse(LIST) + query).context["cl"].result_list) == count, query


@pytest.mark.django_db(transaction=True)
def test_overview_doctor_and_metrics_count_them(unknown: UnknownLearner, everything: Client) -> None:
    snapshot = status.take(timezone.now())
    (found,) = (one for one in problems.find(snapshot) if one.code == "unknown_learners")
    assert (found.severity, found.site_id, found.subject) == ("warning", 1, f"destination:{unknown.destination_id}")
    assert found.sentence == "Percipio does not know 1 learner, of whom nothing new is reported."
    page = everything.get(reverse("admin:percipio_openedx_overview")).content.decode()
    assert f"{reverse(LIST)}?site=1" in page
    (check,) = (one for one in health(snapshot) if one.name == "learners unknown to Percipio")
    assert check.verdict == "doubtful"
    (gauge,) = (one for one in metrics.gauges() if one.name == "unknown_learners")
    assert list(gauge.values.values()) == [1]


@pytest.mark.django_db(transaction=True)
def test_the_command_counts_and_chooses(world: World, unknown: UnknownLearner) -> None:
    assert command("percipio_retry", "--unknown", "--dry-run", "--json").documents == [
        {"chosen": 0, "queued": 0, "destinations": 0, "observations": 0, "learners": 1, "dry_run": True}
    ]
    for elsewhere in (("--site", "2"), ("--organization", "another")):
        command("percipio_retry", "--unknown", *elsewhere)
        assert UnknownLearner.objects.exists()
    ran = command("percipio_retry", "--unknown", "--organization", world.destination.organization)
    assert (ran.code, ran.lines[0]) == (0, "0 statements chosen, 1 requeued.")
    assert "Tried again: 1 learner whom Percipio did not know." in ran.lines
    assert (UnknownLearner.objects.exists(), state_of(world)) == (False, State.OUTDATED)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["action", "command"])
def test_to_requeue_a_statement_ends_the_hold(
    world: World, unknown: UnknownLearner, everything: Client, how: str
) -> None:
    parked = world.by_state[State.PARKED]
    if how == "command":
        call_command("percipio_retry", "--uuid", str(parked.uuid))
    else:
        url = reverse("admin:percipio_openedx_statement_changelist")
        everything.post(url, {"action": "requeue", "_selected_action": [parked.pk], "confirmed": "yes"})
    assert (UnknownLearner.objects.filter(pk=unknown.pk).exists(), state_of(world)) == (False, State.OUTDATED)


@pytest.mark.django_db(transaction=True)
def test_who_retires_is_in_no_row_and_no_log(unknown: UnknownLearner, everything: Client) -> None:
    try_again(everything, unknown)
    UnknownLearner.objects.create(
        destination=unknown.destination,
        user_id=unknown.user_id,
        actor_key="a",
        since=unknown.since,
        last_refused_at=unknown.since,
    )
    erase(unknown.user_id)
    assert not UnknownLearner.objects.exists()
    assert all(str(unknown.user_id) != entry.object_id for entry in LogEntry.objects.all())
