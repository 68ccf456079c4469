"""Nobody takes up what is noticed, for weeks: it does not grow with every act, and the web processes say so."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from percipio_openedx import checks
from percipio_openedx.capture import notices, wake
from percipio_openedx.models import Alert, Destination, Notice, ObservationFailure
from percipio_openedx.models.learner_course import EVERY_COURSE, Reason
from percipio_openedx.operations import alerts, status
from percipio_openedx.reporting import due, failures, report_due
from percipio_openedx.reporting.observe import observe
from tests.integration.builders import KEY, a_course, a_learner, enrolled

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

OTHER = "course-v1:DemoX+ML2+2026"
AGO = timedelta(days=20)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    # An earlier test's call may still hang at its broker; it would check for late notices in this test's stead.
    for thread in threading.enumerate():
        if thread.name == "percipio-wake":
            thread.join(30)
    cache.delete_many([wake.WATCHED_KEY, failures.COMPACTED_KEY])
    # What failed a minute ago is not logged again.
    wake._warned_at.clear()
    alerts.forget()
    wake.waker.forget()


def noticed(user_id: int, course_key: str = KEY, reason: Reason = Reason.COMPLETION, ago: timedelta = AGO) -> int:
    at = timezone.now() - ago
    return Notice.objects.create(user_id=user_id, course_key=course_key, reason=reason, noticed_at=at).pk


def left() -> list[int]:
    return list(Notice.objects.order_by("pk").values_list("pk", flat=True))


def compacted(before: datetime | None = None) -> int:
    return failures.compact(before or timezone.now() - failures.LATE, time.monotonic() + 60)


def test_the_newest_of_each_learner_and_course_stays() -> None:
    acts = [(user, course) for _ in range(30) for user in (1, 2) for course in (KEY, OTHER)]
    pks = {act: noticed(*act) for act in acts}

    assert compacted() == 116
    assert left() == sorted(pks.values())
    assert compacted() == 0


def test_who_retires_is_not_taken_for_one_who_became_nameable() -> None:
    kept = [noticed(1, EVERY_COURSE, reason) for reason in (Reason.RETIREMENT, Reason.SSO_LINK)]

    assert compacted() == 0
    assert left() == kept


def test_what_a_worker_is_about_to_take_up_is_left_alone() -> None:
    """Nobody is looked at later than before, however often something happens."""
    old = [noticed(1), noticed(1)]
    young = [noticed(1, ago=timedelta(minutes=minutes)) for minutes in (50, 30, 1)]

    assert compacted() == 1
    assert left() == [old[1], *young]


def test_more_than_is_remembered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST_REMEMBERED", 3)
    monkeypatch.setattr(failures, "PAGE", 2)
    monkeypatch.setattr(failures, "AT_ONCE", 2)
    for _ in range(3):
        for user in range(1, 6):
            noticed(user)

    assert compacted() == 6
    assert Notice.objects.filter(user_id__in=(3, 4, 5)).count() == 3


def test_the_time_bounds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "PAGE", 2)
    for _ in range(10):
        noticed(1)

    assert failures.compact(timezone.now(), time.monotonic()) == 1
    assert compacted() == 8


def test_what_happens_while_somebody_is_looked_at_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newer notice outlives a compaction beside the look, since the look may not have seen what it is about."""
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    Notice.objects.update(noticed_at=timezone.now() - AGO)
    observations: list[list[int]] = []

    def beside(*arguments: Any) -> Any:
        observations.append(left())
        if len(observations) == 1:
            noticed(learner.pk)
            compacted()
        return observe(*arguments)

    monkeypatch.setattr(due, "observe", beside)
    report_due()
    report_due()
    assert [len(there) for there in observations] == [1, 1]
    assert left() == []


def test_after_weeks_a_learner_in_a_course_is_one_piece_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    course = a_course()
    learners = [a_learner(f"learner{number}") for number in range(3)]
    for learner in learners:
        enrolled(learner, course)
    monkeypatch.setattr(due, "PAGE", 4)
    for _ in range(20):
        for learner in learners:
            noticed(learner.pk)
    observed: list[int] = []
    monkeypatch.setattr(due, "observe", lambda *a: observed.extend(a[3]) or observe(*a))
    Notice.objects.update(noticed_at=timezone.now() - AGO)

    compacted()
    report_due()
    assert sorted(observed) == sorted(learner.pk for learner in learners)
    assert left() == []


def act_of(user_id: int) -> None:
    """As a web process does it: the INSERT, then the thread that wakes a worker."""
    wake.waker.forget()
    notices.append(user_id, KEY, Reason.COMPLETION)
    wake.on_commit()
    wake.waker.wait(30)


def test_without_a_worker_the_web_process_says_it_and_compacts(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.PERCIPIO_ALERT_EMAILS = ["operator@example.com"]
    for _ in range(10):
        noticed(1)
    with CaptureQueriesContext(connection) as captured:
        act_of(2)

    statements = [one["sql"] for one in captured if not one["sql"].startswith(("SET @", "SET SESSION innodb"))]
    assert [sql.split()[0] for sql in statements if "INSERT" in sql] == [statements[0].split()[0]]
    assert len(statements) == 1, "the learner's own request is one INSERT"
    assert Notice.objects.count() == 2
    assert [row.subject for row in Alert.objects.filter(is_on=True)] == ["notices"]
    assert len(mail.outbox) == 1
    assert "No worker seems to run" in mail.outbox[0].body
    assert [record.levelname for record in caplog.records if "no worker observes" in record.getMessage()] == ["ERROR"]

    act_of(3)
    assert len(mail.outbox) == 1


def test_with_a_worker_it_says_nothing(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.PERCIPIO_ALERT_EMAILS = ["operator@example.com"]
    noticed(1, ago=timedelta(minutes=2))
    caplog.set_level(logging.WARNING)
    act_of(2)

    assert mail.outbox == []
    assert caplog.messages == []


def test_a_course_that_waits_since_it_cannot_be_read_is_no_missing_worker(
    caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    """But where nobody comes back to it when its time has come, that is one."""
    settings.PERCIPIO_ALERT_EMAILS = ["operator@example.com"]
    noticed(1)
    for _ in range(12):
        ObservationFailure.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
        failures.note_course(KEY, "OSError")
    caplog.clear()
    caplog.set_level(logging.WARNING)
    act_of(2)
    assert (mail.outbox, caplog.messages) == ([], [])
    assert checks.check_worker(databases=["default"]) == []

    ObservationFailure.objects.update(retry_at=timezone.now() - timedelta(minutes=1))
    wake.waker.forget()
    cache.delete(wake.WATCHED_KEY)
    act_of(3)
    assert [record.levelname for record in caplog.records if "no worker observes" in record.getMessage()] == ["ERROR"]
    assert [found.id for found in checks.check_worker(databases=["default"])] == ["percipio.W015"]


def test_nothing_of_it_reaches_the_learner(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("no database")

    monkeypatch.setattr(wake, "tell_of_late_notices", broken)
    act_of(2)
    assert Notice.objects.count() == 1
    assert "capture failed where=watch error=RuntimeError" in caplog.text


def test_the_whole_lms_compacts_once_in_a_while() -> None:
    for _ in range(3):
        noticed(1)
    assert failures.compact_late(timezone.now()) == 2
    noticed(1)
    assert failures.compact_late(timezone.now()) == 0
    cache.delete(failures.COMPACTED_KEY)
    assert failures.compact_late(timezone.now()) == 1


@pytest.mark.parametrize("is_mistaken", [True, False])
def test_what_waits_with_its_site_or_course_is_compacted_by_the_worker(settings: Any, is_mistaken: bool) -> None:
    """Nobody looks for late notices there: they wait through no fault of a worker."""
    for _ in range(5):
        noticed(1)
        noticed(2)
    if is_mistaken:
        settings.PERCIPIO_REGION = "mars"
    else:
        failures.note_course(KEY, "OSError")
        ObservationFailure.objects.update(retry_at=timezone.now() + timedelta(minutes=50))
    report_due()
    assert sorted(Notice.objects.values_list("user_id", flat=True)) == [1, 2]


def test_the_queries_for_a_late_notice_do_not_grow_with_the_courses(settings: Any) -> None:
    settings.PERCIPIO_REGION = "mars"
    counts = []
    for number in range(12):
        noticed(1, f"course-v1:DemoX+C{number}+1")
        if number in (0, 11):
            with CaptureQueriesContext(connection) as captured:
                assert status.late_notice(timezone.now()) is None
            counts.append(len(captured))
    assert counts[0] == counts[1]


def test_the_system_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.check_worker(databases=["default"]) == []
    noticed(1, ago=timedelta(minutes=30))
    assert checks.check_worker(databases=["default"]) == []
    noticed(1)
    Notice.objects.update(noticed_at=timezone.now() - AGO)
    (found,) = checks.check_worker(databases=["default"])
    assert (found.id, "percipio_run" in str(found.hint)) == ("percipio.W015", True)
    call_command("check", "--database", "default", "--tag", "percipio")
    assert "percipio.W015" in capsys.readouterr().err
    # Without a database nobody asks for one: at the start of every process.
    assert checks.check_worker() == []


def test_the_system_check_before_the_first_migration() -> None:
    with connection.schema_editor() as editor:
        editor.alter_db_table(Notice, Notice._meta.db_table, "away")
    try:
        assert checks.check_worker(databases=["default"]) == []
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Notice, "away", Notice._meta.db_table)


@pytest.mark.parametrize("trouble", [{}, {"failures": 3}, {"paused_reason": "unauthorized"}])
def test_the_overview_says_it_first_whatever_else_is_wrong(admin_client: Client, trouble: dict[str, Any]) -> None:
    Destination.objects.create(site_id=1, **trouble)
    noticed(1)
    page = admin_client.get(reverse("admin:percipio_openedx_overview"))

    assert "No worker seems to run" in page.content.decode()


@pytest.mark.services
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_no_learner_waits_for_a_compaction(isolation: str) -> None:
    """On MariaDB and MySQL, whatever the LMS's isolation level is, also at the end of the table."""
    assert connection.vendor == "mysql", "this is about MariaDB: set PERCIPIO_TEST_DATABASE_URL"
    for _ in range(50):
        noticed(1)
    waited: list[str] = []
    begun = threading.Event()

    def learner() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
        try:
            assert begun.wait(30)
            for user in range(100, 120):
                notices.append(user, KEY, Reason.COMPLETION)
        except Exception as error:  # noqa: BLE001 - told to the test
            waited.append(type(error).__name__)
        finally:
            connections["default"].close()

    beside = threading.Thread(target=learner)
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
    beside.start()
    from percipio_openedx.db import without_gap_locks

    with without_gap_locks():
        Notice.objects.filter(pk__in=left()[:-1]).delete()
        begun.set()
        beside.join(30)
    assert waited == []
    assert Notice.objects.count() == 21
    connection.close()
