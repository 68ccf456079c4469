"""Words that are not ours are written into any column, and never keep the rest of their row from being written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from percipio_openedx.models import Alert, CatalogEntry, DeliveryAttempt, Destination, PullAudit, Statement
from percipio_openedx.models.fields import ForeignTextField
from percipio_openedx.models.statement import State
from percipio_openedx.operations import problems, status
from tests.integration.delivery.rows import NOW, add, claim, destination_of

pytestmark = pytest.mark.django_db

POISON = "no learner \ud83d \x00 \U0001f62c " + "x" * 5000
HARMLESS = "no learner \ufffd \ufffd \ufffd "

# Every column of words, by whose they are. A new one has to be put on one side.
FOREIGN = {
    "Alert.message",
    "CatalogEntry.answer",
    "CatalogEntry.title",
    "DeliveryAttempt.answer",
    "Destination.last_error",
    "Destination.plain_answer",
    "PullAudit.asked",
    "PullAudit.method",
    "Statement.answer",
}
# Of ours; keys, which may not change; and what an operator or the LMS chose, which is refused where it does not fit.
OURS = {
    *("CatalogEntry.content_id", "CatalogEntry.state", "CatalogEntry.fingerprint", "CatalogEntry.tried"),
    *("Alert.kind", "Alert.subject", "BackfillRun.course_key", "BackfillRun.scope", "BackfillRun.scope_key"),
    *("CourseOverride.content_id", "CourseOverride.course_key", "DeliveryAttempt.api", "DeliveryAttempt.outcome"),
    *("CourseOverride.offer", "CourseOverride.title", "CourseOverride.type", "CourseOverride.tags"),
    "CourseOverride.author",
    *("Destination.organization", "Destination.paused_reason", "ErasureRequest.api", "ErasureRequest.organization"),
    *("ErasureRequest.registrations", "LearnerCourse.activity_version", "LearnerCourse.course_key"),
    *("LearnerCourse.hold_reason", "Notice.course_key", "Notice.reason", "PullAudit.client_id", "PullClient.client_id"),
    *("ObservationFailure.course_key", "ObservationFailure.part", "ObservationFailure.reason"),
    *("Statement.actor_key", "Statement.course_key", "Statement.kind", "Statement.state", "Statement.value"),
    *(
        "Destination.account",
        "ErasureRequest.account",
        "LearnerCourse.account",
        "PullAudit.account",
        "PullClient.account",
    ),
    *("Statement.built_by", "Statement.verb", "Destination.compared_with", "TopicTerm.term"),
    *("ProgressDifference.course_key", "ProgressDifference.difference", "Sweep.course_key", "BackfillRun.problem"),
    *("LearnerCourse.content_id", "UnknownLearner.actor_key"),
}


def text_columns() -> dict[str, models.Field[Any, Any]]:
    """The columns of words, but those of the operator's own configurations."""
    return {
        f"{model.__name__}.{field.name}": field
        for model in apps.get_app_config("percipio_openedx").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField)
        and model.__name__ not in ("Account", "PercipioConfiguration")
    }


def test_every_column_of_words_is_somebodys() -> None:
    columns = text_columns()
    assert {name for name, field in columns.items() if isinstance(field, ForeignTextField)} == FOREIGN
    assert set(columns) == FOREIGN | OURS


@pytest.fixture
def rows() -> dict[type[models.Model], models.Model]:
    """One of each kind that has a foreign column."""
    now = timezone.now()
    row = add(1)
    return {
        Alert: Alert.objects.create(kind="late", subject="x", changed_at=now),
        CatalogEntry: CatalogEntry.objects.create(destination=row.destination, content_id="x", due_at=now),
        DeliveryAttempt: DeliveryAttempt.objects.create(
            destination=row.destination, started_at=now, statements=1, duration_ms=1
        ),
        Destination: row.destination,
        PullAudit: PullAudit.objects.create(at=now, site_id=1, client_id="x", status=200, duration_ms=1),
        Statement: row,
    }


@pytest.mark.parametrize("column", sorted(FOREIGN))
@pytest.mark.parametrize("way", ["save", "update", "bulk"])
def test_poison_is_written_in_every_way(rows: dict[type[models.Model], models.Model], column: str, way: str) -> None:
    name, _, field = column.partition(".")
    model = next(one for one in rows if one.__name__ == name)
    row, manager = rows[model], model._default_manager
    setattr(row, field, POISON)
    match way:
        case "save":
            row.save()
        case "update":
            manager.filter(pk=row.pk).update(**{field: POISON})
        case _:
            manager.bulk_update([row], [field])
    found = manager.values_list(field, flat=True).get(pk=row.pk)
    longest = text_columns()[column].max_length
    assert found == (HARMLESS + "x" * 5000)[:longest]
    assert manager.filter(**{field: POISON}).exists()


@pytest.fixture
def old_tables(transactional_db: None) -> Iterator[list[str]]:
    """Tables in utf8mb3, as every Open edX made them before Tutor 18."""
    assert connection.vendor == "mysql", "these tests are about MariaDB: set PERCIPIO_TEST_DATABASE_URL"
    tables = sorted({name.partition(".")[0].lower() for name in FOREIGN})
    yield _converted(tables, "utf8mb3")
    _converted(tables, "utf8mb4")


def _converted(names: list[str], charset: str) -> list[str]:
    tables = [f"percipio_openedx_{name}" for name in names]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET {charset}")
    return tables


@pytest.mark.services
def test_tables_that_cannot_hold_everything_take_what_can_be_held(old_tables: list[str]) -> None:
    row = add(1)
    (held,) = claim(row.destination, 1)
    assert Statement.objects.filter(pk=held.pk).park(NOW, 400, POISON) == 1
    Destination.objects.update(last_error=POISON)
    Alert.objects.create(kind="late", subject="x", changed_at=NOW, message=POISON)
    test_poison_is_inserted_among_others()


@pytest.mark.services
def test_the_doctor_names_them(old_tables: list[str]) -> None:
    (problem,) = [one for one in problems.find(status.take(NOW)) if one.code == "characters"]
    assert problem.severity == "warning"
    assert all(f"{table} (utf8mb3)" in problem.sentence for table in old_tables)


def test_the_doctor_is_content_with_whole_unicode(transactional_db: None) -> None:
    assert status.incomplete_charsets() == []


def test_poison_is_inserted_among_others() -> None:
    shared = {"started_at": NOW, "api": "x", "statements": 1, "outcome": "x", "duration_ms": 1}
    where = destination_of()
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(destination=where, answer=text, **shared) for text in ("well", POISON, "well")
    )
    answers = DeliveryAttempt.objects.order_by("id").values_list("answer", flat=True)
    assert [text[:12] for text in answers] == ["well", HARMLESS[:12], "well"]


def test_a_statement_is_settled_whatever_was_said_of_it() -> None:
    row = add(1)
    (held,) = claim(row.destination, 1)
    lease = Statement.objects.get().lease
    assert lease is not None
    assert Statement.objects.filter(pk=held.pk).held_by(lease).park(NOW, 400, POISON) == 1
    row.refresh_from_db()
    assert (row.state, row.answer[:17]) == (State.PARKED, HARMLESS)
