"""Over HTTP, with ``ATOMIC_REQUESTS``: whatever happens to the plugin's INSERT, the learner's act stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.db import connection
from django.test import Client
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.grades.models import PersistentCourseGrade
from openedx.core.lib.celery import APP

from percipio_openedx.models import Notice
from tests.integration.builders import a_course, a_learner, block

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls", "eager"),
]

TABLE = Notice._meta.db_table


@pytest.fixture
def eager() -> Iterator[None]:
    """The platform's regrading happens inside the request, where a failing receiver could do the most harm."""
    before = APP.conf.task_always_eager
    APP.conf.task_always_eager = True
    yield
    APP.conf.task_always_eager = before


@pytest.fixture(params=["missing", "narrow", "refusing"])
def spoilt(request: pytest.FixtureRequest) -> Iterator[str]:
    """A notice table that is not there, lacks a column, or takes no value."""
    with connection.cursor() as cursor:
        if request.param == "missing":
            cursor.execute(f"ALTER TABLE {TABLE} RENAME TO {TABLE}_away")
        elif request.param == "narrow":
            cursor.execute(f"ALTER TABLE {TABLE} RENAME COLUMN reason TO motive")
        else:
            cursor.execute(_refusing_trigger())
    yield request.param
    with connection.cursor() as cursor:
        if request.param == "missing":
            cursor.execute(f"ALTER TABLE {TABLE}_away RENAME TO {TABLE}")
        elif request.param == "narrow":
            cursor.execute(f"ALTER TABLE {TABLE} RENAME COLUMN motive TO reason")
        else:
            cursor.execute("DROP TRIGGER percipio_refuses")


def _refusing_trigger() -> str:
    head = f"CREATE TRIGGER percipio_refuses BEFORE INSERT ON {TABLE}"
    if connection.vendor == "mysql":
        return f"{head} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'table is full'"
    return f"{head} BEGIN SELECT RAISE(ABORT, 'table is full'); END"


def test_enrolment_completion_grade_and_certificate_stand(spoilt: str) -> None:
    course, learner = a_course(units=1, has_certificate=True), a_learner()
    client = Client(raise_request_exception=False)
    client.force_login(learner)
    place = f"/courses/{course}/xblock/{block(course, 0)}/handler"

    enrollment = client.post("/change_enrollment", {"course_id": str(course), "enrollment_action": "enroll"})
    # Who audits gets no certificate.
    CourseEnrollment.objects.update(mode="honor")
    answers = [
        enrollment,
        client.post(f"{place}/publish_completion", {"completion": "1.0"}),
        client.post(f"{place}/xmodule_handler/problem_check", {"correct": "1"}),
        client.post(f"/courses/{course}/generate_user_cert"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    assert CourseEnrollment.is_enrolled(learner, course)
    assert BlockCompletion.objects.get(user=learner).completion == 1.0
    grade = PersistentCourseGrade.objects.get(user_id=learner.pk)
    assert (grade.percent_grade, grade.passed_timestamp is not None) == (1.0, True)
    assert GeneratedCertificate.objects.get(user=learner).status == "downloadable"


def test_the_same_acts_are_noticed_when_all_is_well() -> None:
    """The counterpart: the very same requests do reach the notice table."""
    course, learner = a_course(units=1, has_certificate=True), a_learner()
    client = Client(raise_request_exception=False)
    client.force_login(learner)
    place = f"/courses/{course}/xblock/{block(course, 0)}/handler"
    client.post("/change_enrollment", {"course_id": str(course), "enrollment_action": "enroll"})
    CourseEnrollment.objects.update(mode="honor")
    client.post(f"{place}/xmodule_handler/problem_check", {"correct": "1"})
    client.post(f"/courses/{course}/generate_user_cert")

    assert {"enrollment", "completion", "grade", "first_pass", "certificate"} <= set(
        Notice.objects.values_list("reason", flat=True)
    )
