"""History once more: whoever has nothing to tell is passed by untouched, and nobody else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.grades.models import PersistentCourseGrade

from demo.learning.costs import CALLS
from percipio_openedx.models import CourseOverride, LearnerCourse, Notice, Statement
from percipio_openedx.operations import walk
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

Manage = Callable[..., Any]
Change = Callable[[Any, Any], object]


@pytest.fixture
def course() -> Any:
    return a_course(units=4)


@pytest.fixture
def amina(course: Any, manage: Manage) -> Any:
    """Enrolled, with one unit of four, and told."""
    learner = a_learner("amina")
    enrolled(learner, course)
    _complete(learner, course, 0)
    Notice.objects.all().delete()
    assert manage("percipio_backfill").code == 0
    assert _kinds() == ["started", "progressed"]
    return learner


def _kinds() -> list[str]:
    return list(Statement.objects.order_by("pk").values_list("kind", flat=True))


def _complete(learner: Any, course: Any, *numbers: int) -> None:
    for number in numbers:
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, number), completion=1.0)


def _grade(learner: Any, course: Any, *, passing: bool = True) -> None:
    PersistentCourseGrade.objects.update_or_create(
        user_id=learner.pk,
        course_id=course,
        defaults={"percent_grade": 0.9 if passing else 0.2, "letter_grade": "Pass" if passing else ""},
        create_defaults={"percent_grade": 0.9, "letter_grade": "Pass", "passed_timestamp": timezone.now()},
    )


def _certificate(learner: Any, course: Any) -> None:
    GeneratedCertificate.objects.create(user=learner, course_id=course, status="downloadable", mode="honor")


def _again(manage: Manage) -> dict[str, Any]:
    """History once more, without the hints that the acts left behind."""
    Notice.objects.all().delete()
    ran = manage("percipio_backfill", "--restart", "--json")
    assert ran.code == 0
    found: dict[str, Any] = ran.documents[0]
    return found


def _untouched(learner: Any) -> Any:
    return LearnerCourse.objects.filter(user_id=learner.pk).values().get()


def test_nothing_new_is_read_and_nothing_written(amina: Any, course: Any, manage: Manage) -> None:
    """Of who has completed the course, and of who never did anything there."""
    _grade(amina, course)
    idle = a_learner("idle")
    enrolled(idle, course)
    _again(manage)
    before = _untouched(amina), _untouched(idle)
    CALLS.clear()
    with CaptureQueriesContext(connection) as asked:
        again = _again(manage)
    assert (again["observed"], again["statements"], again["held"]) == (2, 0, 0)
    assert (_untouched(amina), _untouched(idle)) == before
    written = [query["sql"] for query in asked if query["sql"].startswith(("INSERT", "UPDATE", "REPLACE"))]
    assert [sql for sql in written if "backfillrun" not in sql] == []
    assert CALLS["calculate_progress_for_learner_in_course"] == 0


def test_the_progress_of_who_is_on_the_way_is_asked_for_again(amina: Any, manage: Manage) -> None:
    CALLS.clear()
    again = _again(manage)
    assert (again["observed"], again["statements"]) == (1, 0)
    assert CALLS["calculate_progress_for_learner_in_course"] == 1


def test_of_the_completed_the_lms_is_asked_nothing(amina: Any, course: Any, manage: Manage) -> None:
    _grade(amina, course)
    assert _again(manage)["statements"] == 2
    with CaptureQueriesContext(connection) as asked:
        assert _again(manage)["observed"] == 1
    tables = " ".join(query["sql"] for query in asked)
    assert "blockcompletion" not in tables
    assert "persistentcoursegrade" not in tables


@pytest.mark.parametrize(
    ("rules", "change", "kinds"),
    [
        ({}, lambda learner, course: _complete(learner, course, 1), ["progressed"]),
        ({}, lambda learner, course: _complete(learner, course, 1, 2, 3), ["progressed"]),
        ({"PERCIPIO_COMPLETED_ON": "progress"}, lambda one, course: _complete(one, course, 1, 2, 3), ["completed"]),
        ({}, _grade, ["passed", "completed"]),
        ({}, _certificate, []),
        ({"PERCIPIO_COMPLETED_ON": "certificate"}, _certificate, ["completed"]),
        ({"PERCIPIO_COMPLETED_ON": "any"}, _certificate, ["completed"]),
        ({"PERCIPIO_PROGRESS_STEP": 25}, lambda learner, course: None, []),
    ],
)
def test_what_became_true_unnoticed(
    amina: Any, course: Any, manage: Manage, settings: Any, rules: dict[str, Any], change: Change, kinds: list[str]
) -> None:
    for name, value in rules.items():
        setattr(settings, name, value)
    change(amina, course)
    assert _again(manage)["observed"] == 1
    assert _kinds() == ["started", "progressed", *kinds]
    _again(manage)
    assert _kinds() == ["started", "progressed", *kinds]


def test_a_completion_that_was_taken_back(amina: Any, course: Any, manage: Manage, settings: Any) -> None:
    _grade(amina, course)
    _again(manage)
    _grade(amina, course, passing=False)
    _again(manage)
    assert _kinds() == ["started", "progressed", "passed", "completed"]
    settings.PERCIPIO_UNDONE = "retract"
    _again(manage)
    assert _kinds()[4:] == ["retracted", "retracted"]


def test_who_was_held_back_is_looked_at_again(course: Any, manage: Manage) -> None:
    boris = a_learner("boris", email="")
    enrolled(boris, course)
    assert _again(manage)["held"] == 1
    boris.email = "boris@example.com"
    boris.save()
    assert _again(manage)["statements"] == 1
    assert LearnerCourse.objects.get(user_id=boris.pk).hold_reason == ""


def test_a_course_that_is_left_out_now_is_said_so(amina: Any, manage: Manage) -> None:
    CourseOverride.objects.create(course_key=KEY, is_reported=False)
    assert _again(manage)["held"] == 1
    assert LearnerCourse.objects.get(user_id=amina.pk).hold_reason == "course_left_out"


def test_they_are_sifted_many_at_once(amina: Any, course: Any, manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One new learner among told ones, with chunks and parts of odd sizes."""
    monkeypatch.setattr(walk, "AT_ONCE", 2)
    monkeypatch.setattr(walk, "SIFTED_AT_ONCE", 5)
    for number in range(11):
        enrolled(a_learner(f"learner{number}"), course)
    assert _again(manage) | {"run": 0} == {
        "run": 0,
        "finished": True,
        "observed": 12,
        "statements": 11,
        "held": 0,
        "failed_courses": 0,
        "courses": [],
    }
    late = a_learner("late")
    enrolled(late, course)
    CourseEnrollment.objects.filter(user=amina).update(is_active=False)
    again = _again(manage)
    assert (again["observed"], again["statements"]) == (13, 1)
    assert Statement.objects.latest("pk").learner_course.user_id == late.pk
