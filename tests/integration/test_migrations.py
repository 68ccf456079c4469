"""Up and down with data in the tables, on SQLite and (`make test-services`) MariaDB; messages of other versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from percipio_openedx import tasks
from percipio_openedx.models import LearnerCourse, Notice, Statement
from percipio_openedx.models.learner_course import Reason
from tests.integration.delivery.rows import NOW, add, track_of

pytestmark = pytest.mark.django_db(transaction=True)

APP = "percipio_openedx"


def names() -> list[str]:
    """The migrations in order."""
    return sorted(name for app, name in MigrationLoader(connection).disk_migrations if app == APP)


def migrate(target: str) -> None:
    call_command("migrate", APP, target, verbosity=0, interactive=False)


@pytest.fixture
def restored() -> Iterator[None]:
    """Whatever happens, the next test finds all tables."""
    yield
    migrate(names()[-1])


def what_is_kept() -> list[Any]:
    rows = Statement.objects.order_by("id").values_list(
        "uuid", "state", "body", "track", "stored_at", "learner_course__user_id"
    )
    return [[bytes(value) if isinstance(value, memoryview) else value for value in row] for row in rows]


@pytest.mark.usefixtures("restored")
def test_the_outbox_outlives_a_downgrade_to_the_first_version_and_back() -> None:
    for number in range(3):
        add(number, track=track_of(number))
    Notice.objects.create(user_id=1, course_key="course-v1:Org+C+R", reason=Reason.GRADE, noticed_at=NOW)
    before = what_is_kept()

    migrate(names()[0])
    migrate(names()[-1])

    assert what_is_kept() == before
    assert (LearnerCourse.objects.count(), Notice.objects.count()) == (3, 1)


@pytest.mark.usefixtures("restored")
def test_an_uninstalled_plugin_leaves_no_table_behind() -> None:
    add(1)
    migrate("zero")
    tables = [name for name in connection.introspection.table_names() if name.startswith(APP)]
    assert tables == []

    migrate(names()[-1])
    assert {model._meta.db_table for model in apps.get_app_config(APP).get_models()} <= set(
        connection.introspection.table_names()
    )


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1,), {}), ((), {"site_id": 1}), (("x", None), {"unknown": {"deep": []}})]
)
def test_a_message_of_another_version_does_no_harm(args: Any, kwargs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails as a task by itself, before anything is done; the rows wait for the next run."""
    ran: list[Any] = []
    monkeypatch.setattr(tasks, "run_once", lambda **_: ran.append(1))
    add(1)
    before = what_is_kept()

    result = tasks.run.apply(args=args, kwargs=kwargs)

    assert (result.state, ran) == ("FAILURE", [])
    assert isinstance(result.result, TypeError)
    assert what_is_kept() == before
