"""Clients that others wrote read everything, each statement once, in small pages."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ralph.models.xapi.base.statements import BaseXapiStatement
from tincan import Agent, RemoteLRS, Verb

from percipio_openedx.enums import Kind
from percipio_openedx.models import Statement
from percipio_openedx.statements.vocabulary import VERBS
from tests.integration.lrs.gateway import gateway, token_for
from tests.integration.lrs.rows import SECRET, a_client, actor_of, add

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unthrottled")]

ROOT = Path(__file__).parents[3]
RALPH = Path(os.environ.get("PERCIPIO_TEST_RALPH", ROOT / ".tox" / "ralph" / "bin" / "ralph"))


@pytest.fixture
def kept() -> list[str]:
    """The ids of all that can be read, in the order of storing."""
    a_client()
    for learner in range(12):
        add(learner)
        completed = add(learner, kind=Kind.COMPLETED)
        if learner % 4 == 0:
            add(learner, kind=Kind.RETRACTED, retracts=completed)
    rows = Statement.objects.filter(voided_by=None).order_by("stored_at")
    return [str(uuid) for uuid in rows.values_list("uuid", flat=True)]


class TestTincan:
    """``tincan.RemoteLRS``: ``query_statements`` and ``more_statements``."""

    @pytest.fixture
    def lrs(self, kept: list[str], live_server: Any) -> RemoteLRS:
        token = token_for(live_server.url, "client-percipio", SECRET)
        return RemoteLRS(version="1.0.1", endpoint=f"{live_server.url}/percipio/xapi/", auth=f"Bearer {token}")

    @staticmethod
    def read(lrs: RemoteLRS, query: dict[str, Any]) -> list[str]:
        found, answer = [], lrs.query_statements(query)
        while True:
            assert answer.success, answer.data
            found += [str(statement.id) for statement in answer.content.statements]
            if not answer.content.more:
                return found
            answer = lrs.more_statements(answer.content)

    def test_everything_once(self, lrs: RemoteLRS, kept: list[str]) -> None:
        assert self.read(lrs, {"limit": 5, "ascending": "true"}) == kept
        assert self.read(lrs, {"limit": 5}) == kept[::-1]

    def test_by_agent_and_verb(self, lrs: RemoteLRS) -> None:
        query = {"agent": Agent(mbox=actor_of(3)["mbox"]), "verb": Verb(id=VERBS[Kind.COMPLETED]), "limit": 1}
        expected = Statement.objects.get(learner_course__user_id=3, kind=Kind.COMPLETED)
        assert self.read(lrs, query) == [str(expected.uuid)]

    def test_one_statement(self, lrs: RemoteLRS, kept: list[str]) -> None:
        assert str(lrs.retrieve_statement(kept[0]).content.id) == kept[0]


@pytest.mark.services
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_ralph_reads_everything_once(kept: list[str], live_server: Any, chunk: int) -> None:
    assert RALPH.exists(), "`.ci/ralph` installs Ralph's command line into an environment of its own"
    with gateway(live_server.url) as address:
        options = {
            "--lrs-base-url": address,
            "--lrs-username": "client-percipio",
            "--lrs-password": SECRET,
            "--lrs-statements-endpoint": "/percipio/xapi/statements",
            "--lrs-read-chunk-size": str(chunk),
        }
        command = [str(RALPH), "read", "-b", "lrs", *(word for option in options.items() for word in option)]
        done = subprocess.run(
            [*command, '{"ascending": true}'], capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stderr
    statements = [json.loads(line) for line in done.stdout.splitlines()]
    assert [statement["id"] for statement in statements] == kept
    for statement in statements:
        BaseXapiStatement.model_validate(statement)
