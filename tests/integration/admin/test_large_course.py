"""A course with many learners: the same list as of a small one, read otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from percipio_openedx.admin import filters
from percipio_openedx.admin.statements import StatementAdmin
from percipio_openedx.enums import Kind
from percipio_openedx.models import Statement
from percipio_openedx.models.statement import State
from percipio_openedx.reporting import report_due
from tests.integration.builders import a_course, a_learner, enrolled
from tests.integration.lrs.rows import add

LIST = "admin:percipio_openedx_statement_changelist"
KEY = "course-v1:DemoX+CS1+2026"


def found(client: Client, **query: Any) -> list[int]:
    """The keys of the statements that a page shows, in its order."""
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


@pytest.fixture
def course(everything: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Statements of one course, newest first, some of them taken back, between those of others."""
    settings.LMS_ROOT_URL = "https://academy.demo.local"
    monkeypatch.setattr(filters, "FEW", 1)
    monkeypatch.setattr(StatementAdmin, "list_per_page", 4)
    rows = []
    for learner in (1, 2, 3):
        rows += [add(learner, 1, kind) for kind in (Kind.STARTED, Kind.PROGRESSED, Kind.COMPLETED)]
        add(learner, 2)
        rows.append(add(learner, 1, Kind.RETRACTED, retracts=rows[-1]))
    return sorted((row.pk for row in rows), reverse=True)


@pytest.mark.parametrize("query", [{"course": KEY}, {"q": KEY}, {"course": KEY, "q": KEY}])
def test_every_page_is_that_of_the_whole_list(everything: Client, course: list[int], query: dict[str, str]) -> None:
    pages = [found(everything, p=number, **query) for number in (1, 2, 3)]

    assert pages == [course[:4], course[4:8], course[8:]]


def test_a_courses_page_is_read_off_its_own_column(everything: Client, course: list[int]) -> None:
    """In the order of the index that begins with it, and without a word about learners."""
    with CaptureQueriesContext(connection) as captured:
        found(everything, course=KEY)

    table = Statement._meta.db_table
    ordered = [one["sql"] for one in captured if f"FROM {connection.ops.quote_name(table)}" in one["sql"]]
    (page,) = [sql for sql in ordered if "LIMIT 4" in sql]
    assert "course_key" in page and "learner_course_id" not in page.partition("WHERE")[2]
    assert "id" in page.rpartition("ORDER BY")[2]


@pytest.mark.parametrize("query", [{"state": "parked"}, {"outcome": "refused"}, {"state": "parked", "site": "1"}])
def test_a_rare_state_is_read_newest_first(
    everything: Client, course: list[int], query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Statement.objects.update(state=State.PARKED)
    Statement.objects.filter(pk=course[1]).update(state=State.DELIVERED)
    monkeypatch.setattr(filters, "MAX_ROWS", 6)
    newest = Statement.objects.filter(state=State.PARKED).order_by("-pk").values_list("pk", flat=True)[:6]
    expected = [pk for pk in newest if pk in course]
    assert 0 < len(expected) < 6

    assert found(everything, course=KEY, **query) == expected
    assert found(everything, course=KEY, all="", **query) == expected


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({"state": "delivered"}, slice(0, 4)),
        ({"verb": "retracted"}, slice(0, 12, 4)),
        ({"site": "2"}, slice(0, 0)),
        ({"q": "2"}, slice(4, 8)),
        ({"state": "waiting"}, slice(0, 0)),
        ({"q": "course-v1:DemoX+CS2+2026"}, slice(0, 0)),
    ],
)
def test_other_filters_hold_as_ever(
    everything: Client, course: list[int], query: dict[str, str], places: slice
) -> None:
    assert found(everything, course=KEY, **query) == course[places]


def test_of_a_small_course_a_state_is_complete(
    everything: Client, course: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "FEW", len(course))
    monkeypatch.setattr(filters, "MAX_ROWS", 1)
    Statement.objects.update(state=State.PARKED)

    assert found(everything, course=KEY, state="parked") == course[:4]


@pytest.mark.usefixtures("reporting", "no_calls")
def test_what_the_plugin_reports_names_its_course_run(everything: Client) -> None:
    key = a_course()
    enrolled(a_learner(), key)
    report_due()

    assert found(everything, course=str(key)) == list(Statement.objects.values_list("pk", flat=True))
