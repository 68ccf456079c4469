"""A pull client reads what was made for its own account, by whatever it asks, and nothing of another customer's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from percipio_openedx.enums import Kind
from percipio_openedx.models import Destination, PullAudit, PullClient, Statement
from percipio_openedx.models.statement import State
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import actor_of, add, course_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

ACCOUNTS = ("", "acme", "beta")


@pytest.fixture
def world() -> dict[str, list[Statement]]:
    """Statements of two accounts, and from before there were any; each learner has one taken back."""
    found: dict[str, list[Statement]] = {account: [] for account in ACCOUNTS}
    for number in range(4):
        for learner, account in enumerate(ACCOUNTS):
            done = add(learner, number, Kind.COMPLETED)
            taken_back = add(learner, number, Kind.RETRACTED, retracts=done)
            found[account] += [add(learner, number), done, taken_back]
            Statement.objects.filter(pk=done.pk).update(voided_by=taken_back.uuid)
            place = Destination.of(1, "", own_credentials=bool(account), account=account)
            Statement.objects.filter(pk__in=[row.pk for row in found[account][-3:]]).update(destination=place)
    return found


def reads(puller: Puller, account: str) -> Puller:
    """The same client, of that account."""
    PullClient.objects.update(account=account)
    return puller


def pulled(puller: Puller, **query: Any) -> set[str]:
    """The ids of all pages."""
    return {one for page in puller.pages(limit=2, **query) for one in page}


def ids(rows: list[Statement]) -> set[str]:
    """The statements that are not voided."""
    return {str(row.uuid) for row in rows if row.kind != Kind.COMPLETED}


QUERIES: dict[str, dict[str, Any]] = {
    "everything": {},
    "a verb": {"verb": "http://adlnet.gov/expapi/verbs/initialized"},
    "an activity": {"activity": course_id(1)},
    "an activity and all about it": {"activity": course_id(1), "related_activities": "true"},
    "since": {"since": "2026-01-01T00:00:00Z"},
    "ascending": {"ascending": "true"},
}


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("query", QUERIES)
def test_nothing_of_another_account(
    puller: Puller, world: dict[str, list[Statement]], account: str, query: str
) -> None:
    every = {name: ids(rows) for name, rows in world.items()}
    found = pulled(reads(puller, account), **QUERIES[query])

    assert found
    assert found <= every[account]
    if query in ("everything", "since", "ascending"):
        assert found == every[account]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_single_statements_voided_and_of_a_learner(
    puller: Puller, world: dict[str, list[Statement]], account: str
) -> None:
    reads(puller, account)
    for learner, (name, rows) in enumerate(world.items()):
        is_own = name == account
        status = 200 if is_own else 404
        for row in rows[:3]:
            by = "voidedStatementId" if row.kind == Kind.COMPLETED else "statementId"
            assert puller.get({by: str(row.uuid)}).status_code == status
        found = pulled(puller, agent=json.dumps(actor_of(learner)))
        assert found == (ids(rows) if is_own else set())
        assert pulled(puller, registration=str(rows[0].registration)) == (ids(rows[:3]) if is_own else set())


def test_more_is_of_its_own_account(puller: Puller, world: dict[str, list[Statement]]) -> None:
    more = reads(puller, "acme").get({"limit": 2}).json()["more"]
    reads(puller, "beta")
    assert puller.fetch(more).status_code == 400


def test_the_log_says_whose_were_read(puller: Puller, world: dict[str, list[Statement]]) -> None:
    reads(puller, "acme").get({"limit": 2})
    assert PullAudit.objects.get().account == "acme"
    # What was read stays as it is, even after the client is gone; of other accounts nothing was read.
    PullClient.objects.all().delete()
    assert PullClient.places() == {(1, "acme")}
    for rows in world.values():
        Statement.objects.filter(pk=rows[0].pk).update(state=State.PARKED, in_doubt=False)
    Statement.objects.filter(state=State.PARKED).requeue(rows[0].stored_at)
    states = {row.destination.account: row.state for row in Statement.objects.filter(state__in=("waiting", "outdated"))}
    assert states == {"": State.OUTDATED, "acme": State.WAITING, "beta": State.OUTDATED}
