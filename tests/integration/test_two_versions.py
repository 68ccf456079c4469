"""An upgrade while everybody works: this version's code on the next one's tables, and rows that the next one wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, models, transaction
from django.test import Client
from django.urls import reverse

from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import Destination, LearnerCourse, Notice, Statement
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.models.statement import State
from percipio_openedx.reporting import report_due
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.operations.conftest import command

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

MODELS = list(apps.get_app_config("percipio_openedx").get_models())


@pytest.fixture
def newer_tables() -> Iterator[None]:
    """Every table with a nullable column and one with a default of the database, as the rule for migrations allows."""
    tables = [model._meta.db_table for model in MODELS]
    # Plain SQL: on SQLite Django would make the table anew from the model that this version knows.
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN of_next_version varchar(20) NULL")
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN with_default varchar(20) NOT NULL DEFAULT 'new'")
    yield
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DROP COLUMN of_next_version")
            cursor.execute(f"ALTER TABLE {table} DROP COLUMN with_default")


@pytest.mark.usefixtures("newer_tables")
def test_this_version_works_on_the_tables_of_the_next(arriving: Sandbox) -> None:
    learner = a_learner()
    enrolled(learner, a_course())
    report_due()
    deliver_due()

    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert len(arriving.statements) == Statement.objects.count() > 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT of_next_version, with_default FROM percipio_openedx_statement")
        assert list(cursor.fetchall()) == [(None, "new")]
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    for page in ("overview", "statement_changelist", "learnercourse_changelist", "destination_changelist"):
        assert client.get(reverse(f"admin:percipio_openedx_{page}")).status_code == 200
    for name in ("percipio_doctor", "percipio_retry", "percipio_prune"):
        assert command(name, *(["--parked"] if name == "percipio_retry" else [])).code in (0, 1)


def test_why_a_column_needs_a_default_of_the_database() -> None:
    """Django's own default is known to the newer code only: an older worker's INSERT names no value, and fails."""
    field = models.CharField(max_length=30, default="known to Python only")
    field.set_attributes_from_name("without_default")
    field.model = Notice
    with connection.schema_editor() as editor:
        editor.add_field(Notice, field)
    try:
        # MariaDB and MySQL call it an operational error.
        with pytest.raises(DatabaseError), transaction.atomic():
            Notice.objects.create(user_id=1, course_key=KEY, reason=Reason.GRADE, noticed_at="2026-01-01T00:00:00Z")
    finally:
        with connection.schema_editor() as editor:
            editor.remove_field(Notice, field)


def test_words_of_the_next_version_are_passed_over(arriving: Sandbox) -> None:
    """A reason, a pause, an outcome that only the newer workers know: looked at, delivered and shown all the same."""
    learner = a_learner()
    course = a_course()
    enrolled(learner, course)
    Notice.objects.update(reason="of-tomorrow")
    report_due()
    Destination.objects.update(paused_reason="of-tomorrow")
    LearnerCourse.objects.update(hold_reason="of-tomorrow")
    deliver_due()

    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert not Notice.objects.exists()
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    Destination.objects.update(paused_reason="of-tomorrow")
    for page in ("overview", "learnercourse_changelist", "destination_changelist"):
        assert client.get(reverse(f"admin:percipio_openedx_{page}")).status_code == 200
