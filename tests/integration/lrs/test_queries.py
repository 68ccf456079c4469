"""What is found by what (xAPI 1.0.3, Communication 2.1.3 and 2.1.4).

The XAPI numbers are those of the requirements in ADL's conformance suite for LRSs.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from percipio_openedx.enums import Kind
from percipio_openedx.lrs.find import written
from percipio_openedx.models import Statement
from percipio_openedx.models.statement import State
from percipio_openedx.statements.vocabulary import VERBS
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import COURSE, TEACHER, actor_of, add, course_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]


def ids(*rows: Statement) -> list[str]:
    """The ids as the resource writes them."""
    return [str(row.uuid) for row in rows]


@pytest.fixture
def kept() -> list[Statement]:
    """Two learners in two courses; everything but the last in one course."""
    return [
        add(1, 1, Kind.STARTED),
        add(1, 1, Kind.PROGRESSED, value="50"),
        add(2, 1, Kind.STARTED),
        add(1, 1, Kind.COMPLETED),
        add(1, 2, Kind.STARTED),
    ]


def test_xapi_00154_00159_newest_first(puller: Puller, kept: list[Statement]) -> None:
    assert puller.ids() == ids(*reversed(kept))


def test_xapi_00166_ascending(puller: Puller, kept: list[Statement]) -> None:
    assert puller.ids(ascending="true") == ids(*kept)


def test_xapi_00149_nothing_found_is_an_empty_result(puller: Puller, kept: list[Statement]) -> None:
    response = puller.get({"verb": "http://adlnet.gov/expapi/non/existent"})
    assert (response.status_code, json.loads(response.content)) == (200, {"statements": [], "more": ""})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"agent": json.dumps(actor_of(1))}, [0, 1, 3, 4]),
        ({"agent": '{"mbox":"mailto:LEARNER2@example.com"}'}, [2]),
        ({"agent": '{"mbox":"mailto:nobody@example.com"}'}, []),
        ({"verb": VERBS[Kind.STARTED]}, [0, 2, 4]),
        ({"verb": VERBS[Kind.STARTED].upper()}, []),
        ({"activity": course_id(1)}, [0, 1, 2, 3]),
        ({"activity": COURSE.format(number=1)}, []),
        ({"activity": COURSE.format(number=1), "related_activities": "true"}, [0, 1, 2, 3]),
        ({"activity": course_id(2), "related_activities": "true"}, [4]),
        ({"related_activities": "true", "related_agents": "true"}, [0, 1, 2, 3, 4]),
        ({"agent": json.dumps(TEACHER)}, []),
        ({"agent": json.dumps(TEACHER), "related_agents": "true"}, [0, 1, 2, 3, 4]),
        ({"agent": json.dumps(TEACHER), "related_agents": "true", "activity": course_id(2)}, [4]),
        ({"agent": json.dumps(TEACHER), "related_agents": "true", "verb": VERBS[Kind.STARTED]}, [0, 2, 4]),
        ({"agent": json.dumps(actor_of(1)), "related_agents": "true"}, [0, 1, 3, 4]),
        ({"verb": VERBS[Kind.STARTED], "activity": course_id(1)}, [0, 2]),
        ({"verb": VERBS[Kind.STARTED], "agent": json.dumps(actor_of(1))}, [0, 4]),
        ({"agent": json.dumps(actor_of(1)), "activity": course_id(2)}, [4]),
    ],
)
def test_xapi_00164_00176_to_00181_filters(
    puller: Puller, kept: list[Statement], query: dict[str, str], found: list[int]
) -> None:
    assert puller.ids(ascending="true", **query) == ids(*(kept[index] for index in found))


def test_the_authority_is_related_to_every_statement(puller: Puller, kept: list[Statement]) -> None:
    authority = puller.statements(limit=1)[0]["authority"]
    assert puller.ids(agent=json.dumps(authority), related_agents="true", ascending="true") == ids(*kept)


def test_xapi_00178_registration(puller: Puller, kept: list[Statement]) -> None:
    registration = str(kept[0].registration).upper()
    assert puller.ids(registration=registration, ascending="true") == ids(kept[0], kept[1], kept[3])
    assert puller.ids(registration=registration, verb=VERBS[Kind.COMPLETED]) == ids(kept[3])
    query = {"registration": registration, "agent": json.dumps(TEACHER)}
    assert puller.ids(**query) == []
    assert puller.ids(**query, related_agents="true", ascending="true") == ids(kept[0], kept[1], kept[3])


def test_xapi_00175_since_is_exclusive_and_xapi_00174_until_inclusive(puller: Puller, kept: list[Statement]) -> None:
    since, until = written(kept[1].stored_at), written(kept[3].stored_at)
    assert puller.ids(since=since, until=until, ascending="true") == ids(kept[2], kept[3])
    assert puller.ids(since=until.replace("Z", "+00:00")) == ids(kept[4])
    assert puller.ids(until=since) == ids(kept[1], kept[0])


def test_xapi_00173_limit(puller: Puller, kept: list[Statement]) -> None:
    assert puller.ids(limit=2) == ids(kept[4], kept[3])
    assert puller.ids(limit=0) == ids(*reversed(kept))


@pytest.mark.parametrize("state", State.values)
def test_what_is_kept_is_served_whatever_became_of_its_delivery(puller: Puller, state: str) -> None:
    row = add(1, state=state)
    assert puller.ids() == ids(row)


def test_xapi_00156_00158_one_statement_by_its_id(puller: Puller, kept: list[Statement]) -> None:
    response = puller.get({"statementId": kept[1].uuid})
    assert (response.status_code, json.loads(response.content)["id"]) == (200, str(kept[1].uuid))


def test_an_unknown_id_is_not_found(puller: Puller, kept: list[Statement]) -> None:
    for name in ("statementId", "voidedStatementId"):
        assert puller.get({name: "00000000-0000-4000-8000-000000000000"}).status_code == 404
    assert puller.get({"voidedStatementId": kept[0].uuid}).status_code == 404


class TestRetraction:
    """A completion that was taken back, and the statement that took it."""

    @pytest.fixture
    def completed(self, kept: list[Statement]) -> Statement:
        return kept[3]

    @pytest.fixture
    def voiding(self, completed: Statement) -> Statement:
        return add(1, 1, Kind.RETRACTED, value="completed", retracts=completed)

    def test_xapi_00163_the_voided_one_is_hidden(
        self, puller: Puller, completed: Statement, voiding: Statement
    ) -> None:
        assert str(completed.uuid) not in puller.ids()
        assert puller.get({"statementId": completed.uuid}).status_code == 404

    def test_xapi_00155_00157_but_for_those_who_ask_for_it(
        self, puller: Puller, completed: Statement, voiding: Statement
    ) -> None:
        response = puller.get({"voidedStatementId": completed.uuid})
        assert (response.status_code, json.loads(response.content)["id"]) == (200, str(completed.uuid))

    @pytest.mark.parametrize(
        "query",
        [
            {"verb": VERBS[Kind.COMPLETED]},
            {"verb": VERBS[Kind.RETRACTED]},
            {"verb": VERBS[Kind.COMPLETED], "activity": course_id(1)},
            {"verb": VERBS[Kind.RETRACTED], "activity": course_id(1)},
            {"verb": VERBS[Kind.COMPLETED], "agent": json.dumps(actor_of(1))},
            {"verb": VERBS[Kind.COMPLETED], "activity": COURSE.format(number=1), "related_activities": "true"},
            {"verb": VERBS[Kind.COMPLETED], "agent": json.dumps(TEACHER), "related_agents": "true"},
        ],
    )
    def test_xapi_00162_what_refers_to_it_is_found_by_what_it_was_found_by(
        self, puller: Puller, voiding: Statement, query: dict[str, str]
    ) -> None:
        assert puller.ids(**query) == ids(voiding)

    def test_also_when_the_learner_has_another_address_since(self, puller: Puller, completed: Statement) -> None:
        voiding = add(1, 1, Kind.RETRACTED, retracts=completed, changes={"actor": actor_of(77)})
        for learner in (1, 77):
            query = {"agent": json.dumps(actor_of(learner)), "verb": VERBS[Kind.COMPLETED]}
            assert puller.ids(**query) == ids(voiding)
        assert puller.ids(verb=VERBS[Kind.PROGRESSED], activity=course_id(2)) == []


def test_a_group_is_found_by_its_members(puller: Puller) -> None:
    members = [{"mbox": "mailto:a@example.com"}, {"mbox": "mailto:b@example.com"}]
    row = add(1, changes={"context": {"instructor": {"objectType": "Group", "member": members}}})
    assert puller.ids(agent=json.dumps(members[1]), related_agents="true") == ids(row)


class TestPages:
    """``limit`` and ``more`` (Data 2.5)."""

    @pytest.mark.parametrize("ascending", ["true", "false"])
    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"verb": VERBS[Kind.STARTED]},
            {"activity": course_id(1)},
            {"agent": json.dumps(TEACHER), "related_agents": "true"},
        ],
    )
    def test_xapi_00108_to_00114_every_statement_once(
        self, puller: Puller, kept: list[Statement], query: dict[str, str], ascending: str
    ) -> None:
        at_once = puller.ids(ascending=ascending, **query)
        pages = list(puller.pages(limit=2, ascending=ascending, **query))
        assert [each for page in pages for each in page] == at_once
        assert {len(page) for page in pages[:-1]} <= {2}

    @pytest.mark.thinned(3)
    @pytest.mark.parametrize("ascending", ["true", "false"])
    @pytest.mark.parametrize("limit", [1, 4, 7, 100])
    def test_a_teacher_of_many_courses(self, puller: Puller, limit: int, ascending: str) -> None:
        rows = [add(learner, course) for learner in range(6) for course in range(7)]
        found = puller.pages(
            agent=json.dumps(TEACHER), related_agents="true", limit=limit, ascending=ascending, verb=rows[0].verb
        )
        expected = ids(*rows) if ascending == "true" else ids(*reversed(rows))
        assert [each for page in found for each in page] == expected

    @pytest.mark.parametrize("ascending", ["true", "false"])
    def test_pages_stand_still_while_statements_arrive(
        self, puller: Puller, kept: list[Statement], ascending: str
    ) -> None:
        found = []
        for page in puller.pages(limit=1, ascending=ascending):
            found.extend(page)
            add(9, len(found) + 10, stored_at=_now())
        assert sorted(found) == sorted(ids(*kept))

    def test_the_address_is_the_same_path_and_all_else_is_in_the_query(
        self, puller: Puller, kept: list[Statement]
    ) -> None:
        more = json.loads(puller.get({"limit": 1, "agent": json.dumps(actor_of(1))}).content)["more"]
        path, _, query = more.partition("?")
        assert (path, query.partition("=")[0]) == ("/percipio/xapi/statements", "more")
        assert len(more) < 600

    def test_an_answer_is_bounded_in_bytes(self, puller: Puller, monkeypatch: Any, kept: list[Statement]) -> None:
        monkeypatch.setattr("percipio_openedx.lrs.find.LARGEST", len(kept[0].body) + 1)
        assert list(puller.pages(ascending="true")) == [ids(*kept[0:2]), ids(*kept[2:4]), ids(kept[4])]

    def test_an_answer_has_500_statements_at_the_most(self, puller: Puller) -> None:
        rows = [add(number, stored_at=None) for number in range(1, 503)]
        assert list(map(len, puller.pages())) == [500, 2]
        assert list(map(len, puller.pages(limit=501))) == [500, 2]
        assert len(rows) == 502


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"verb": VERBS[Kind.COMPLETED]},
        {"activity": course_id(1)},
        {"activity": COURSE.format(number=1), "related_activities": "true", "verb": VERBS[Kind.STARTED]},
        {"agent": json.dumps(actor_of(1)), "activity": course_id(1)},
        {"agent": json.dumps(TEACHER), "related_agents": "true"},
    ],
)
def test_the_queries_of_a_page_are_as_many_however_many_statements_there_are(
    puller: Puller, query: dict[str, str]
) -> None:
    counts = []
    for learners in (range(1, 3), range(3, 30)):
        for learner in learners:
            add(learner)
            add(learner, 1, Kind.RETRACTED, retracts=add(learner, 1, Kind.COMPLETED))
        puller.ids(**query)
        with CaptureQueriesContext(connection) as captured:
            puller.ids(**query)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def _now() -> Any:
    from django.utils import timezone

    return timezone.now() + timedelta(seconds=1)
