"""Searching and filtering: the right rows, by an index, without counting the table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.admin import base, search
from percipio_openedx.enums import Kind, Outcome
from percipio_openedx.models import LearnerCourse, Statement, StatementLedger
from percipio_openedx.models.statement import State
from percipio_openedx.operations import labels
from tests.integration.admin.world import OTHER_KEY, STATES, World, a_learner_course, a_statement
from tests.integration.builders import KEY, a_learner, enrolled

LIST = "admin:percipio_openedx_statement_changelist"


def found(client: Client, **query: str) -> set[str]:
    """The states of the statements that are listed: each has its own in this world."""
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return {row.state for row in response.context["cl"].result_list}


def test_a_learner_is_found_by_id_username_email_and_name(world: World, everything: Client) -> None:
    of_amina = {"waiting", "sending", "delivered"}

    for text in (str(world.amina.pk), "amin", "AMINA", "amina@ex", "Amina Had"):
        assert found(everything, q=text) == of_amina, text
    assert found(everything, q="nobody") == set()
    assert found(everything, q=f"amina {KEY}") == of_amina
    assert found(everything, q=f"amina {OTHER_KEY}") == set()
    assert len(found(everything, q=KEY)) == 6


def test_a_statement_is_found_by_its_id_and_by_its_registration(world: World, everything: Client) -> None:
    row = world.by_state[State.PARKED]

    assert found(everything, q=str(row.uuid)) == {"parked"}
    assert found(everything, q=row.uuid.hex) == {"parked"}
    assert found(everything, q=str(row.registration)) == {"parked", "discarded", "skipped"}
    assert found(everything, q="00000000-0000-0000-0000-000000000000") == set()


@pytest.mark.parametrize("text", ["%", "_", "'", '"; DROP TABLE x; --', "\0", "9" * 40, "²", "a" * 5000, "course-v1:"])
def test_an_odd_text_finds_nothing_and_breaks_nothing(world: World, everything: Client, text: str) -> None:
    assert found(everything, q=text) in (set(), found(everything))
    assert everything.get(reverse("admin:percipio_openedx_learner"), {"q": text}).status_code == 200


def test_filters(world: World, everything: Client) -> None:
    every = {state.value for state in STATES}
    for state in STATES:
        assert found(everything, state=state) == {state}
    assert found(everything, site="1") == every
    assert found(everything, site="2") == set()
    assert found(everything, verb="started") == every
    assert found(everything, verb="completed") == set()
    assert found(everything, course=KEY) == every
    assert found(everything, course=OTHER_KEY) == set()
    assert found(everything, course="no course") == set()
    assert found(everything, time="hour") == {"waiting"}
    assert found(everything, time="week") == every
    assert found(everything, outcome="taken") == {"delivered"}
    assert found(everything, outcome="refused") == {"parked"}
    assert found(everything, outcome="untried") == {"waiting"}


@pytest.mark.parametrize(
    ("status", "outcome"), [(429, "throttled"), (500, "broken"), (599, "broken"), (None, "silent")]
)
def test_what_waits_is_found_by_what_put_it_off(
    world: World, everything: Client, status: int | None, outcome: str
) -> None:
    Statement.objects.filter(state=State.WAITING).update(status=status, attempts=2)

    for name in ("throttled", "broken", "silent"):
        assert found(everything, outcome=name) == ({"waiting"} if name == outcome else set())


def test_what_waits_for_its_course_in_the_catalog_is_found_and_says_so(world: World, everything: Client) -> None:
    assert found(everything, outcome="item") == set()
    row = world.by_state[State.WAITING]
    Statement.objects.filter(pk=row.pk).await_item(timezone.now() + timedelta(hours=1))

    assert found(everything, outcome="item") == {"waiting"}
    assert "waiting for its course" in everything.get(reverse(LIST), {"outcome": "item"}).content.decode()
    address = reverse("admin:percipio_openedx_timeline", args=[world.amina.pk, row.course_key])
    assert "has to accept the course first" in everything.get(address).content.decode().replace("&#x27;", "'")


def test_voided_statements_are_found_by_their_verb_too(world: World, everything: Client) -> None:
    row = world.by_state[State.DELIVERED]
    Statement.objects.filter(pk=row.pk).update(voided_by=row.uuid)

    assert "delivered" in found(everything, verb=Kind.STARTED)


def test_the_course_field_keeps_the_other_filters(world: World, everything: Client) -> None:
    page = everything.get(reverse(LIST), {"state": "parked", "q": "hostile"}).content.decode()

    assert '<input type="hidden" name="state" value="parked">' in page
    assert '<input type="hidden" name="q" value="hostile">' in page


def test_no_page_counts_the_whole_table(world: World, everything: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(base, "MAX_ROWS", 4)
    with CaptureQueriesContext(connection) as captured:
        response = everything.get(reverse(LIST))

    assert response.context["cl"].paginator.count == 4
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 4" in sql for sql in counts), counts


def test_no_page_reads_the_bodies_and_no_search_looks_into_them(world: World, everything: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        everything.get(reverse(LIST), {"q": "amina"})

    assert not [query["sql"] for query in captured if '."body"' in query["sql"] or "`body`" in query["sql"]]


def test_many_learners_in_a_course_are_searched_by_a_subquery(
    world: World, everything: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr(search, "FEW", 1)

    assert len(found(everything, course=KEY)) == 6
    assert found(everything, q=f"hostile {KEY}") == {"parked", "discarded", "skipped"}


def test_statements_of_an_account_that_is_gone_are_found_by_its_id(world: World, everything: Client) -> None:
    a_statement(a_learner_course(4711, KEY), 1, State.PARKED, world.destination, world.now - timedelta(days=40))

    assert found(everything, q="4711") == {"parked"}


def test_the_search_names_a_bounded_number_of_learners(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(search, "MAX_LEARNERS", 3)
    monkeypatch.setattr(search, "MAX_ACCOUNTS", 5)
    for number in range(6):
        enrolled(a_learner(f"many{number}"), CourseKey.from_string(KEY))
    a_learner("many")

    assert len(search.learners_named("many")) == 3
    assert [learner.username for learner in search.learners_named("many5").values()] == ["many5"]


def test_learners_in_courses_are_filtered_by_the_reason(world: World, everything: Client) -> None:
    url = reverse("admin:percipio_openedx_learnercourse_changelist")
    rows = everything.get(url, {"hold": "no_sso_link"}).context["cl"].result_list

    assert [(row.user_id, row.course_key) for row in rows] == [(world.hostile.pk, OTHER_KEY)]
    assert LearnerCourse.objects.count() == 3
    assert len(everything.get(url, {"q": "amina"}).context["cl"].result_list) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"state": "parked"},
        {"outcome": "untried"},
        {"q": "amina"},
        {"course": KEY},
        {"time": "week"},
        {"site": "1", "time": "day"},
    ],
)
def test_the_count_of_each_narrowed_list_goes_by_an_index(
    world: World, everything: Client, query: dict[str, str]
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's plan")
    StatementLedger.objects.update(last_stored_at=world.now)
    with CaptureQueriesContext(connection) as captured:
        everything.get(reverse(LIST), query)
    (sql,) = [one["sql"] for one in captured if "COUNT(" in one["sql"] and "percipio_openedx_statement" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"), [])
        plan = [str(row[-1]) for row in cursor.fetchall()]

    assert any(step.startswith("SEARCH percipio_openedx_statement") for step in plan), plan
    assert not any(step.startswith("SCAN percipio_openedx_statement") for step in plan), plan


def test_requests_are_filtered_by_their_outcome(world: World, everything: Client) -> None:
    url = reverse("admin:percipio_openedx_deliveryattempt_changelist")

    assert len(everything.get(url, {"outcome": "unauthorized", "api": "statements"}).context["cl"].result_list) == 1
    assert len(everything.get(url, {"outcome": "accepted"}).context["cl"].result_list) == 0


def test_the_outcome_of_a_request_is_said_in_words(world: World, everything: Client) -> None:
    page = everything.get(reverse("admin:percipio_openedx_deliveryattempt_changelist")).content.decode()

    assert '<span class="percipio-state percipio-parked">credentials refused</span>' in page
    assert {outcome.value for outcome in labels.OUTCOMES} == {outcome.value for outcome in Outcome}
