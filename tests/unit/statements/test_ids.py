"""Ids and keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import pytest

from percipio_openedx.data import LearnerIdentity
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import content, ids

REGISTRATION = UUID("1b4d9e1e-5c53-5f0e-9a7e-2f5f3f0a4c11")
OTHER = UUID("1b4d9e1e-5c53-5f0e-9a7e-2f5f3f0a4c12")


def test_an_id_is_never_to_change() -> None:
    """Percipio knows statements by these ids: another recipe would report everything a second time."""
    assert ids.statement_id(REGISTRATION, Kind.PROGRESSED, "40") == uuid5(REGISTRATION, "progressed:40")
    assert str(ids.statement_id(REGISTRATION, Kind.COMPLETED, "")) == "501eb1a7-bb77-5c67-a5a9-924e8984acb6"


def test_each_part_makes_another_id() -> None:
    made = {
        ids.statement_id(registration, kind, value)
        for registration in (REGISTRATION, OTHER)
        for kind in Kind
        for value in ("", "10", "round-1")
    }

    assert len(made) == 2 * len(Kind) * 3


@pytest.mark.parametrize(
    ("identity", "agent"),
    [
        (LearnerIdentity(email="a@example.com"), {"mbox": "mailto:a@example.com"}),
        (LearnerIdentity(email="A@Example.com"), {"mbox": "mailto:a@EXAMPLE.com", "name": "A"}),
        (
            LearnerIdentity(home_page="https://lms.example.com", account="amina"),
            {"account": {"homePage": "https://lms.example.com", "name": "amina"}, "objectType": "Agent"},
        ),
    ],
)
def test_a_learner_and_the_agent_made_of_it_have_one_key(identity: LearnerIdentity, agent: dict[str, Any]) -> None:
    assert ids.actor_key_of(content.learner(identity)) == ids.actor_key_of(agent)


def test_different_agents_have_different_keys() -> None:
    account = {"homePage": "https://lms.example.com", "name": "amina"}
    agents: list[dict[str, Any]] = [
        {"mbox": "mailto:amina@example.com"},
        {"mbox_sha1sum": "a" * 40},
        {"openid": "https://openid.example.com/amina"},
        {"account": account},
        {"account": {**account, "homePage": "https://other.example.com"}},
        {"account": {**account, "name": "Amina"}},
    ]

    assert len({ids.actor_key_of(agent) for agent in agents}) == len(agents)
    assert all(len(ids.actor_key_of(agent)) == 64 for agent in agents)


@pytest.mark.parametrize(
    "agent",
    [{}, {"name": "A"}, {"mbox": ""}, {"mbox": 1}, {"account": {}}, {"account": {"name": "a"}}, {"openid": None}],
)
def test_an_agent_without_identifier_has_no_key(agent: dict[str, Any]) -> None:
    with pytest.raises(StatementError, match=r"^agent: "):
        ids.actor_key_of(agent)


def test_a_key_tells_nothing_of_the_address() -> None:
    assert "amina" not in ids.actor_key_of(content.learner(LearnerIdentity(email="amina@example.com")))
