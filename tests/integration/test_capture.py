"""The first room: one INSERT in the learner's own transaction, and nothing that goes wrong here is theirs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.grades.api import CourseGradeFactory
from waffle.testutils import override_switch

from percipio_openedx.capture import notices, wake
from percipio_openedx.capture.notices import block_completed, sso_link_saved
from percipio_openedx.models import Notice
from percipio_openedx.models.learner_course import Reason
from tests.integration.builders import a_course, a_learner, block, enrolled

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = Notice._meta.db_table


@pytest.fixture(autouse=True)
def _quiet_wake(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Notices are what is tested here; nobody is called."""
    called: list[str] = []
    monkeypatch.setattr("percipio_openedx.tasks.publish_first", lambda *_, **__: called.append("called"))
    wake._warned_at.clear()
    wake.waker.forget()
    with override_switch("completion.enable_completion_tracking", active=True):
        yield called
    wake.waker.wait(5)
    wake.waker.forget()


@pytest.fixture
def no_table() -> Iterator[None]:
    """The plugin's table is missing, as before its migrations."""
    with connection.schema_editor() as editor:
        editor.alter_db_table(Notice, TABLE, f"{TABLE}_away")
    yield
    with connection.schema_editor() as editor:
        editor.alter_db_table(Notice, f"{TABLE}_away", TABLE)


def noticed() -> list[tuple[int, str, str]]:
    return list(Notice.objects.values_list("user_id", "course_key", "reason"))


def test_each_act_is_noticed() -> None:
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
    CourseGradeFactory().update(learner, course_key=course)
    GeneratedCertificate.objects.update_or_create(
        user=learner, course_id=course, defaults={"status": "downloadable", "mode": "honor"}
    )

    assert {reason for _, _, reason in noticed()} == {"enrollment", "completion", "grade", "passing", "certificate"}
    assert {(user, key) for user, key, _ in noticed()} == {(learner.pk, str(course))}


def test_a_notice_is_one_insert_and_nothing_else() -> None:
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        notices.append(7, "course-v1:A+B+C", Reason.COMPLETION)

    # MySQL cannot bound the wait for a row in the statement itself: there, two that touch no table stand around it.
    sent = [query["sql"] for query in queries if not query["sql"].startswith(("SET @", "SET SESSION innodb"))]
    assert len(sent) == 1
    assert "INSERT" in sent[0]


def test_a_rolled_back_act_leaves_no_notice_and_calls_nobody(_quiet_wake: list[str]) -> None:
    course, learner = a_course(), a_learner()
    with pytest.raises(RuntimeError), transaction.atomic():
        CourseEnrollment.enroll(learner, course)
        raise RuntimeError("the request failed")

    wake.waker.wait(5)
    assert noticed() == []
    assert _quiet_wake == []


def test_a_missing_table_undoes_nothing(no_table: None, caplog: pytest.LogCaptureFixture) -> None:
    course, learner = a_course(), a_learner()
    with caplog.at_level(logging.WARNING, "percipio_openedx"), transaction.atomic():
        CourseEnrollment.enroll(learner, course)
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)

    assert CourseEnrollment.is_enrolled(learner, course)
    assert BlockCompletion.objects.filter(user=learner).count() == 1
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("percipio_openedx")]
    # One line a minute for each receiver, without anything of the learner.
    assert len(warnings) == 2
    assert all("error=" in line and learner.username not in line for line in warnings)


def test_switched_off_nothing_is_written(settings: Any) -> None:
    settings.PERCIPIO_ENABLED = False
    enrolled(a_learner(), a_course())

    assert noticed() == []


def test_a_broken_signal_is_contained() -> None:
    assert block_completed(sender=None, signal=None) is None
    assert sso_link_saved(sender=None, instance=object(), created=True) is None
    assert noticed() == []


def test_library_content_and_fixtures_are_passed_over() -> None:
    course, learner = a_course(), a_learner()
    row = BlockCompletion(user=learner, context_key=course, block_key=block(course, 0), completion=1.0)
    block_completed(sender=BlockCompletion, instance=row, raw=True)

    assert noticed() == []


def test_one_call_for_many_notices(_quiet_wake: list[str]) -> None:
    for number in range(20):
        notices.append(number, "course-v1:A+B+C", Reason.COMPLETION)
        wake.on_commit()
    wake.waker.wait(5)

    assert _quiet_wake == ["called"]


def test_nobody_is_called_in_eager_mode(_quiet_wake: list[str], settings: Any) -> None:
    settings.CELERY_ALWAYS_EAGER = True
    enrolled(a_learner(), a_course())
    wake.waker.wait(5)

    assert _quiet_wake == []
