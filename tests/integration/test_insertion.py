"""Rows that are inserted without objects are the rows that objects would have made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models.constants import OnConflict

from percipio_openedx import insertion
from percipio_openedx.insertion import insert
from percipio_openedx.models import Destination, LearnerCourse, Statement
from percipio_openedx.models.statement import State

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 8, 0, 0, 123456, tzinfo=UTC)
COLUMNS = ("user_id", "registration")
SHARED = {"course_key": "course-v1:DemoX+CS101+2026", "site_id": 1, "lease": UUID(int=9)}


def learners(count: int) -> list[tuple[int, UUID]]:
    return [(number, UUID(int=number)) for number in range(1, count + 1)]


def test_what_is_named_nowhere_has_the_default_of_the_model() -> None:
    insert(LearnerCourse, COLUMNS, learners(1), SHARED)
    row = LearnerCourse.objects.get()
    made = LearnerCourse(pk=row.pk, user_id=1, registration=UUID(int=1), **SHARED)

    assert vars(row) | {"_state": None} == vars(made) | {"_state": None}


def statement(number: int, body: bytes) -> dict[str, Any]:
    """The values of a statement of the one learner in a course that there is."""
    return {
        "uuid": UUID(int=number),
        "learner_course": LearnerCourse.objects.get().pk,
        "sequence": number,
        "kind": "passed",
        "registration": UUID(int=1),
        "verb": "http://adlnet.gov/expapi/verbs/passed",
        "actor_key": "a" * 64,
        "course_key": "course-v1:Org+C+R",
        "topic": UUID(int=2),
        "happened_at": NOW,
        "stored_at": NOW + timedelta(seconds=number),
        "body": body,
        "track": None,
        "destination": Destination.objects.get_or_create(site_id=1)[0].pk,
    }


def insert_statements(*made: dict[str, Any]) -> None:
    shared = {"site_id": 1, "state": State.PARKED, "due_at": NOW}
    insert(Statement, tuple(made[0]), [tuple(one.values()) for one in made], shared)


def test_every_kind_of_value_comes_back_as_it_was() -> None:
    insert(LearnerCourse, COLUMNS, learners(1), SHARED)
    values = statement(7, '{"name": "Zoë 👩🏽‍💻 \'\\%s"}'.encode() + bytes(range(256)))
    insert_statements(values)
    row = Statement.objects.get()

    assert {**values, "body": bytes(row.body)} == values
    assert (row.uuid, row.happened_at, row.due_at, row.state) == (UUID(int=7), NOW, NOW, State.PARKED)
    assert (row.track, row.lease, row.answer, row.attempts) == (None, None, "", 0)


def test_rows_that_are_there_stay_as_they_are_where_that_is_said() -> None:
    insert(LearnerCourse, COLUMNS, learners(1), SHARED)
    insert(LearnerCourse, COLUMNS, learners(2), {**SHARED, "lease": None}, on_conflict=OnConflict.IGNORE)

    assert list(LearnerCourse.objects.order_by("user_id").values_list("lease", flat=True)) == [UUID(int=9), None]


def test_only_the_named_fields_of_a_row_that_is_there_are_updated() -> None:
    insert(LearnerCourse, COLUMNS, learners(2), SHARED)
    rows = [(pk, user, UUID(int=user)) for pk, user in LearnerCourse.objects.values_list("pk", "user_id")]
    changed = {**SHARED, "sequence": 5, "told_percent": 50, "lease": None}
    insert(
        LearnerCourse,
        ("id", *COLUMNS),
        rows,
        changed,
        on_conflict=OnConflict.UPDATE,
        update=("sequence", "lease"),
    )

    assert set(LearnerCourse.objects.values_list("sequence", "told_percent", "lease")) == {(5, 0, None)}
    assert LearnerCourse.objects.count() == 2


def test_a_row_that_is_there_is_an_error_where_nothing_is_said() -> None:
    insert(LearnerCourse, COLUMNS, learners(1), SHARED)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(LearnerCourse, COLUMNS, learners(2), SHARED)

    assert LearnerCourse.objects.count() == 1


def test_no_row_is_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert(LearnerCourse, COLUMNS, [], SHARED)


def test_a_database_that_bounds_parameters_gets_several_statements(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    from django.db import connection

    assert isinstance(connection.ops, BaseDatabaseOperations)
    monkeypatch.setattr(connection.ops, "bulk_batch_size", lambda fields, objs: 3)
    with django_assert_num_queries(3):
        insert(LearnerCourse, COLUMNS, learners(7), SHARED)

    assert LearnerCourse.objects.count() == 7


def test_more_than_the_server_takes_at_once_goes_in_several_statements() -> None:
    insert(LearnerCourse, COLUMNS, learners(1), SHARED)
    # Of quotes, which take two bytes in the SQL: 36 MB together, where MariaDB takes 16 in one statement.
    insert_statements(*(statement(number, b"'" * 300_000) for number in range(1, 61)))

    assert [len(bytes(body)) for body in Statement.objects.values_list("body", flat=True)] == [300_000] * 60


def test_a_row_that_is_large_by_itself_goes_alone(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(insertion, "MOST_BYTES", 100)
    insert(LearnerCourse, COLUMNS, learners(1), SHARED)
    made = [statement(number, b"x" * size) for number, size in enumerate((60, 40, 1, 500, 99), start=1)]
    with django_assert_num_queries(4):
        insert_statements(*made)

    assert list(Statement.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3, 4, 5]
