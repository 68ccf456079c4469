"""Trouble beside learners who act: a locked table, settings that make no sense, a Percipio that hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.db import OperationalError, connection, connections
from django.test import Client
from lms.djangoapps.grades.models import PersistentCourseGrade
from openedx.core.lib.celery import APP

from percipio_openedx.capture import notices
from percipio_openedx.models import Notice, Statement
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.operations.run import run_once
from percipio_openedx.settings.common import DEFAULTS
from tests.integration.builders import a_course, a_learner, block

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("completing", "no_calls", "eager"),
]

# Seconds until a watchdog ends what a learner would be waiting for; the database itself would wait for a day.
WATCHDOG = 60
# Values that no setting of any kind makes sense of.
NONSENSE: tuple[Any, ...] = (None, object(), -1, "\x00nonsense\u202e")


@pytest.fixture
def eager() -> Iterator[None]:
    """The platform's regrading happens inside the request."""
    before = APP.conf.task_always_eager
    APP.conf.task_always_eager = True
    yield
    APP.conf.task_always_eager = before


def study(client: Client, course: Any) -> list[int]:
    """Enrol, complete a block and answer a question, over HTTP; the status of each answer."""
    place = f"/courses/{course}/xblock/{block(course, 0)}/handler"
    answers = [
        client.post("/change_enrollment", {"course_id": str(course), "enrollment_action": "enroll"}),
        client.post(f"{place}/publish_completion", {"completion": "1.0"}),
        client.post(f"{place}/xmodule_handler/problem_check", {"correct": "1"}),
    ]
    return [answer.status_code for answer in answers]


def assert_stands(learner: Any, course: Any) -> None:
    assert CourseEnrollment.is_enrolled(learner, course)
    assert BlockCompletion.objects.get(user=learner).completion == 1.0
    assert PersistentCourseGrade.objects.get(user_id=learner.pk).passed_timestamp is not None


def a_client(learner: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(learner)
    return client


@pytest.fixture
def locked() -> Iterator[threading.Event]:
    """Somebody else holds the notice table, as a migration would; the event says that the watchdog had to end it."""
    assert connection.vendor == "mysql", "this is about MariaDB: set PERCIPIO_TEST_DATABASE_URL"
    taken, release, bitten = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute(f"LOCK TABLES {Notice._meta.db_table} WRITE")
            taken.set()
            if not release.wait(WATCHDOG):
                bitten.set()
            cursor.execute("UNLOCK TABLES")
        connections["default"].close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(WATCHDOG)
    yield bitten
    release.set()
    holder.join()


@pytest.mark.services
@pytest.mark.usefixtures("reporting")
def test_acts_stand_while_somebody_else_locks_the_notice_table(request: pytest.FixtureRequest) -> None:
    course, learner = a_course(units=1), a_learner()
    client = a_client(learner)
    bitten: threading.Event = request.getfixturevalue("locked")

    assert study(client, course) == [200, 200, 200]

    assert not bitten.is_set(), "the learner waited for the table"
    assert_stands(learner, course)


@pytest.mark.services
@pytest.mark.usefixtures("reporting", "locked")
def test_the_first_notice_waits_for_a_locked_table_and_those_after_it_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notices, "_impatient_until", 0.0)
    sent: list[list[str]] = []

    def seen(execute: Any, sql: str, *rest: Any) -> Any:
        sent[-1].append(sql.split(" INTO ")[0].removesuffix(" FOR INSERT"))
        return execute(sql, *rest)

    for _ in range(2):
        sent.append([])
        with connection.execute_wrapper(seen), pytest.raises(OperationalError):
            notices.append(1, "course-v1:DemoX+CS101+2026", Reason.GRADE)
    if connection.mysql_is_mariadb:  # type: ignore[attr-defined]
        assert sent == [
            ["SET STATEMENT lock_wait_timeout=1, innodb_lock_wait_timeout=1"],
            ["SET STATEMENT lock_wait_timeout=0, innodb_lock_wait_timeout=0"],
        ]
    else:
        first, second = sent
        assert "INSERT /*+ SET_VAR(lock_wait_timeout=1) */" in first
        assert second == [], "MySQL's shortest wait is a second"


@pytest.fixture
def gap() -> Iterator[threading.Event]:
    """Somebody else holds the end of the notice table, as a DELETE over a range does; see ``locked``."""
    assert connection.vendor == "mysql", "this is about MariaDB and MySQL: set PERCIPIO_TEST_DATABASE_URL"
    taken, release, bitten = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION")
            cursor.execute(f"SELECT id FROM {Notice._meta.db_table} WHERE id > 0 FOR UPDATE")
            taken.set()
            if not release.wait(WATCHDOG):
                bitten.set()
            cursor.execute("ROLLBACK")
        connections["default"].close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(WATCHDOG)
    yield bitten
    release.set()
    holder.join()


def row_wait() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@SESSION.innodb_lock_wait_timeout")
        return int(cursor.fetchone()[0])


@pytest.mark.services
@pytest.mark.usefixtures("reporting")
def test_acts_stand_while_somebody_else_locks_the_end_of_the_notice_table(request: pytest.FixtureRequest) -> None:
    course, learner = a_course(units=1), a_learner()
    client = a_client(learner)
    bitten: threading.Event = request.getfixturevalue("gap")

    assert study(client, course) == [200, 200, 200]

    assert not bitten.is_set(), "the learner waited for the rows"
    assert_stands(learner, course)


@pytest.mark.services
@pytest.mark.usefixtures("reporting")
def test_a_row_that_is_locked_is_waited_for_as_shortly_as_a_table(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """And what the LMS itself waits for is as it was, whatever became of the notice."""
    monkeypatch.setattr(notices, "_impatient_until", 0.0)
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 617")
    notices.append(1, "course-v1:DemoX+CS101+2026", Reason.GRADE)
    assert row_wait() == 617
    bitten: threading.Event = request.getfixturevalue("gap")

    with pytest.raises(OperationalError):
        notices.append(1, "course-v1:DemoX+CS101+2026", Reason.GRADE)
    assert not bitten.is_set()
    assert row_wait() == 617


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_acts_stand_and_runs_end_whatever_a_setting_says(reporting: Any, name: str) -> None:
    course = a_course(units=1)
    for number, value in enumerate(NONSENSE):
        setattr(reporting, name, value)
        learner = a_learner(f"learner{number}")
        assert study(a_client(learner), course) == [200, 200, 200], value
        assert_stands(learner, course)
        run_once()


def test_acts_stand_while_percipio_hangs(arriving: Any, reporting: Any) -> None:
    """The worker waits for an answer; the learner meets no lock of it, and what follows is reported afterwards."""
    reporting.PERCIPIO_TIMEOUT = 3
    course, first, second = a_course(units=1), a_learner("amina"), a_learner("bo")
    study(a_client(first), course)
    arriving.set_scenario("stall=2:1")

    def work() -> None:
        try:
            run_once()
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    assert study(a_client(second), course) == [200, 200, 200]
    worker.join()

    assert_stands(second, course)
    Statement.objects.update(due_at=first.date_joined)
    type(Statement.objects.first().destination).objects.update(retry_at=None)
    for _ in range(10):
        run_once()
    assert Statement.objects.exclude(state="delivered").count() == 0
    assert {statement["actor"]["mbox"] for statement in arriving.statements} == {
        "mailto:amina@example.com",
        "mailto:bo@example.com",
    }
