"""Sending again, giving up, taking along: done to the chosen ones, by whoever may, and written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from percipio_openedx.admin import statements
from percipio_openedx.capture import wake
from percipio_openedx.models import Destination, Statement
from percipio_openedx.models.statement import State
from tests.integration.admin.world import HOSTILE, World, a_learner_course, a_statement
from tests.integration.builders import KEY

LIST = "admin:percipio_openedx_statement_changelist"


@pytest.fixture
def world(world: World) -> World:
    """The same with a statement that is to be rebuilt."""
    row = a_learner_course(world.hostile.pk, KEY)
    at = world.now - timedelta(days=9)
    world.by_state[State.OUTDATED] = a_statement(row, 9, State.OUTDATED, world.destination, at)
    return world


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a worker was called."""
    calls: list[int] = []
    monkeypatch.setattr(wake, "on_commit", lambda: calls.append(1))
    return calls


def act(client: Client, action: str, *rows: Statement, query: str = "", **more: str) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(reverse(LIST) + query, data)


def states() -> dict[int, str]:
    return dict(Statement.objects.order_by("pk").values_list("pk", "state"))


def test_send_again_asks_first(world: World, everything: Client, woken: list[int]) -> None:
    before = states()
    response = act(everything, "requeue", *world.by_state.values())

    assert (response.status_code, states(), woken) == (200, before, [])
    assert "csrfmiddlewaretoken" in response.content.decode()
    assert response.context["states"] == [
        (name, "1")
        for name in ("to be rebuilt", "waiting", "being sent", "delivered", "parked", "discarded", "skipped")
    ]


def test_send_again_takes_what_is_settled(world: World, everything: Client, woken: list[int]) -> None:
    act(everything, "requeue", *world.by_state.values(), confirmed="1")

    now = {state: Statement.objects.get(pk=row.pk).state for state, row in world.by_state.items()}
    assert now == {
        **dict.fromkeys((State.WAITING, State.DELIVERED), State.WAITING),
        # What Percipio refused, or was never sent, is built anew first.
        **dict.fromkeys((State.OUTDATED, State.PARKED, State.DISCARDED, State.SKIPPED), State.OUTDATED),
        State.SENDING: State.SENDING,
    }
    row = world.by_state[State.PARKED]
    again = Statement.objects.get(pk=row.pk)
    assert (again.uuid, bytes(again.body), again.attempts, again.settled_at) == (row.uuid, row.body, 0, None)
    assert woken == [1]
    named = LogEntry.objects.values_list("object_id", flat=True)
    assert set(named) == {str(world.by_state[state].pk) for state in world.by_state} - {
        str(world.by_state[State.OUTDATED].pk),
        str(world.by_state[State.WAITING].pk),
        str(world.by_state[State.SENDING].pk),
    }


def test_give_up_takes_what_waits_or_is_parked_and_keeps_percipios_words(world: World, everything: Client) -> None:
    act(everything, "discard", *world.by_state.values(), confirmed="1")

    now = {state: Statement.objects.get(pk=row.pk).state for state, row in world.by_state.items()}
    assert now == {
        **dict(zip(State, State, strict=True)),
        State.OUTDATED: State.DISCARDED,
        State.WAITING: State.DISCARDED,
        State.PARKED: State.DISCARDED,
    }
    parked = Statement.objects.get(pk=world.by_state[State.PARKED].pk)
    assert parked.answer == f"discarded by an operator; before that: 400: {HOSTILE}"
    assert LogEntry.objects.count() == 3


def test_an_act_on_all_that_a_filter_finds(world: World, everything: Client, woken: list[int]) -> None:
    for number in range(30):
        row = a_learner_course(900 + number, "course-v1:DemoX+CS101+2026")
        at = world.now - timedelta(days=20, microseconds=number)
        a_statement(row, 1, State.PARKED, world.destination, at)
    first = Statement.objects.filter(state=State.PARKED).first()
    assert first is not None
    act(everything, "requeue", first, query="?state=parked", select_across="1", confirmed="1")

    assert Statement.objects.filter(state=State.PARKED).count() == 0
    assert Statement.objects.filter(state=State.DELIVERED).count() == 1


def test_export_gives_the_bytes_that_are_sent(world: World, everything: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(statements, "BATCH", 2)
    Statement.objects.filter(pk=world.by_state[State.SKIPPED].pk).update(body=b'{"a":\n "b"}')
    response = act(everything, "export", *world.by_state.values())
    content = b"".join(response.streaming_content)

    assert response["Content-Type"] == "application/x-ndjson"
    assert "no-store" in response["Cache-Control"]
    bodies = [bytes(body) for body in Statement.objects.order_by("pk").values_list("body", flat=True)]
    assert [json.loads(line) for line in content.splitlines()] == [json.loads(body) for body in bodies]
    assert content.splitlines()[-1] == bodies[-1]
    assert LogEntry.objects.get().change_message == "Exported 7 statements as JSON lines."


@pytest.mark.parametrize("action", ["requeue", "discard", "export"])
def test_each_act_takes_its_own_permission(
    world: World, operator: Callable[..., Client], woken: list[int], action: str
) -> None:
    others = {"requeue_statement", "discard_statement", "export_statement"} - {f"{action}_statement"}
    before = states()
    without = act(
        operator("view_statement", *others, name="without"), action, world.by_state[State.PARKED], confirmed="1"
    )

    assert (without.status_code, states(), LogEntry.objects.count()) == (302, before, 0)
    client = operator("view_statement", f"{action}_statement", name="with")
    response = act(client, action, world.by_state[State.PARKED], confirmed="1")
    assert response.status_code == (200 if action == "export" else 302)
    assert LogEntry.objects.count() == 1


def test_an_act_takes_a_csrf_token(world: World, everything: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = everything.cookies
    before = states()

    assert act(strict, "requeue", world.by_state[State.PARKED], confirmed="1").status_code == 403
    assert states() == before


def test_nothing_is_done_by_get(world: World, everything: Client) -> None:
    before = states()
    pk = world.by_state[State.PARKED].pk
    everything.get(reverse(LIST), {"action": "requeue", "_selected_action": pk, "confirmed": "1"})

    assert states() == before


def test_a_long_choice_is_named_up_to_a_thousand(world: World, everything: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(statements, "MAX_NAMED", 3)
    act(everything, "requeue", *world.by_state.values(), confirmed="1")

    assert LogEntry.objects.exclude(object_id=None).count() == 3
    assert LogEntry.objects.get(object_id=None).object_repr == "4 statements"


def test_a_destination_is_tried_now(world: World, operator: Callable[..., Client], woken: list[int]) -> None:
    later = world.now + timedelta(hours=1)
    Destination.objects.update(retry_at=later, failures=4, probe_until=later, paused_reason="unauthorized")
    url = reverse("admin:percipio_openedx_destination_changelist")
    data = {"action": "try_now", "_selected_action": [world.destination.pk]}
    operator("view_destination", name="without").post(url, data)
    assert Destination.objects.get().retry_at == later

    operator("view_destination", "requeue_statement", name="with").post(url, data)
    row = Destination.objects.get()
    assert row.retry_at is not None and row.retry_at < later
    assert (row.failures, row.probe_until, row.paused_reason, woken) == (4, None, "unauthorized", [1])
    assert LogEntry.objects.get().object_id == str(row.pk)
