"""What a change of a site's configuration would change in what is due, before it is saved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.contrib.auth import get_user_model
from django.utils import timezone
from lms.djangoapps.grades.models import PersistentCourseGrade
from openedx.core.djangoapps.external_user_ids.models import ExternalId

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Policy
from percipio_openedx.enums import CompletedOn, StartedOn
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import CourseOverride, LearnerCourse, Notice, Statement
from percipio_openedx.operations import effect
from percipio_openedx.operations.effect import Effect, compare, example, of_effect
from percipio_openedx.reporting import report_due
from tests.integration.builders import a_course, a_learner, block, enrolled, progress_asked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]


def in_force(**changes: Any) -> Configuration:
    found = config.for_site(1)
    assert found is not None
    return replace(found, **changes)


def passed(learner: Any, course: Any) -> None:
    now = timezone.now()
    PersistentCourseGrade.objects.update_or_create(
        user_id=learner.pk,
        course_id=course,
        defaults={"percent_grade": 0.9, "letter_grade": "Pass", "passed_timestamp": now},
    )


def complete(learner: Any, course: Any, *numbers: int) -> None:
    for number in numbers:
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, number), completion=1.0)


def said(found: Effect) -> dict[str, Any]:
    """What is not nothing."""
    numbers = {name: getattr(found, name) for name in ("changed", "more", "fewer", "unknown")}
    return {"of": found.enrollments, **{name: value for name, value in numbers.items() if value}}


def test_the_same_changes_nothing() -> None:
    course = a_course()
    enrolled(a_learner(), course)

    assert said(compare(in_force(), in_force())) == {"of": 1}
    assert of_effect(compare(in_force(), in_force())) == ["What is due stays the same for 1 learner in a course."]


def test_a_policy_that_completes_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """One has done every unit and passed nothing, one has passed, one has only begun: by stored percents alone."""
    course = a_course(units=2)
    done, passing, begun = (a_learner(name) for name in ("done", "passing", "begun"))
    for learner in (done, passing, begun):
        enrolled(learner, course)
    complete(done, course, 0, 1)
    passed(passing, course)
    complete(begun, course, 0)
    report_due()
    asked = progress_asked(monkeypatch)
    after = in_force(policy=Policy(completed_on=CompletedOn.ANY))

    assert said(compare(in_force(), after)) == {"of": 3, "changed": 1, "more": {"completed": 1}}
    assert said(compare(after, in_force())) == {"of": 3, "changed": 1, "fewer": {"completed": 1}}
    assert asked == []


def test_a_progress_that_was_never_read_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    course = a_course(units=2)
    done = a_learner("done")
    for learner in (done, a_learner("idle")):
        enrolled(learner, course)
    complete(done, course, 0, 1)
    asked = progress_asked(monkeypatch)
    found = compare(in_force(), in_force(policy=Policy(completed_on=CompletedOn.PROGRESS)))

    assert said(found) == {"of": 2, "unknown": 1}
    assert of_effect(found) == [
        "What is due stays the same for all 2 learners in courses.",
        "For 1 more, it depends on how much is done, which the LMS was not asked yet.",
    ]
    assert asked == []


def test_a_completion_with_another_date() -> None:
    course = a_course(units=1)
    learner = a_learner()
    enrolled(learner, course)
    complete(learner, course, 0)
    passed(learner, course)
    LearnerCourse.objects.create(
        user_id=learner.pk,
        course_key=str(course),
        site_id=1,
        registration="5f0c3a3e-7f0b-5a54-9d8e-6a1c2f7f4b10",
        percent_seen=100,
        percent_unlocked_seen=100,
    )
    found = compare(in_force(), in_force(policy=Policy(completed_on=CompletedOn.PROGRESS)))

    assert said(found) == {"of": 1, "changed": 1, "fewer": {"passed": 1}}


def test_who_is_newly_reported_and_who_no_longer() -> None:
    course = a_course()
    for name in ("amina", "bela"):
        learner = a_learner(name)
        enrolled(learner, course)
        passed(learner, course)
    nobody = in_force(learners="sso:tpa-saml")
    twice = {"started": 2, "passed": 2, "completed": 2}

    assert said(compare(nobody, in_force())) == {"of": 2, "changed": 2, "more": twice}
    assert said(compare(in_force(), nobody)) == {"of": 2, "changed": 2, "fewer": twice}
    assert said(compare(None, in_force())) == {"of": 2, "changed": 2, "more": twice}
    assert of_effect(compare(None, in_force())) == [
        "For 2 of 2 learners in courses something else would be due than now.",
        "Newly due: started (2), passed (2), completed (2).",
    ]
    assert compare(None, None) == Effect()


def test_what_was_reported_already_is_not_due_again() -> None:
    course = a_course()
    enrolled(a_learner(), course)
    report_due()
    later = in_force(policy=Policy(started_on=StartedOn.FIRST_ACTIVITY))

    assert said(compare(in_force(), later)) == {"of": 1}
    enrolled(a_learner("bela"), course)
    assert said(compare(in_force(), later)) == {"of": 2, "changed": 1, "fewer": {"started": 1}}


def test_a_course_that_is_left_out_does_not_count() -> None:
    course = a_course()
    enrolled(a_learner(), course)
    CourseOverride.objects.create(course_key=str(course), is_reported=False)

    assert said(compare(None, in_force())) == {"of": 0}


def test_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(edx_platform, "external_ids")
    course = a_course(units=1)
    learner = a_learner()
    enrolled(learner, course)
    complete(learner, course, 0)
    Notice.objects.all().delete()
    compare(in_force(), in_force(learner_id="external_id", policy=Policy(completed_on=CompletedOn.PROGRESS)))

    for model in (ExternalId, LearnerCourse, Statement, Notice):
        assert not model.objects.exists()


def many(course: Any, first: int, number: int) -> None:
    users = get_user_model()
    users.objects.bulk_create(
        users(username=f"l{place}", email=f"l{place}@example.com") for place in range(first, first + number)
    )
    made = list(users.objects.order_by("-pk").values_list("pk", flat=True)[:number])
    now = timezone.now()
    CourseEnrollment.objects.bulk_create(
        CourseEnrollment(user_id=pk, course_id=course, mode="audit", created=now) for pk in made
    )
    PersistentCourseGrade.objects.bulk_create(
        PersistentCourseGrade(
            user_id=pk, course_id=course, percent_grade=0.9, letter_grade="Pass", passed_timestamp=now
        )
        for pk in made[: number // 4]
    )


def test_a_large_site_is_estimated_by_the_sizes_of_its_courses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each course a quarter has passed; the large one counts more than the small ones."""
    monkeypatch.setattr(effect, "MOST", 400)
    first = 0
    for place, size in enumerate((400, 40, 40, 40, 40)):
        many(a_course(f"course-v1:DemoX+CS{place}+2026"), first, size)
        first += size
    found = compare(
        in_force(policy=Policy(completed_on=CompletedOn.CERTIFICATE)),
        in_force(policy=Policy(completed_on=CompletedOn.PASSED)),
    )

    assert (found.enrollments, found.is_sampled) == (560, True)
    monkeypatch.setattr(effect, "MOST", 560)
    exact = compare(None, in_force(policy=Policy(completed_on=CompletedOn.PASSED)))
    assert (exact.more["completed"], exact.is_sampled) == (140, False)
    assert round(found.changed) == pytest.approx(140, rel=0.3)
    assert found.more["completed"] == found.changed
    assert of_effect(found)[0].startswith("For about 1")


@pytest.mark.usefixtures("_two_courses")
def test_what_takes_too_long_is_estimated_from_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effect, "PATIENCE", 0.0)
    found = compare(None, in_force())

    assert (round(found.changed), found.enrollments, found.is_sampled) == (8, 8, True)


@pytest.mark.usefixtures("_two_courses")
def test_others_stand_for_a_course_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    course = edx_platform.course

    def broken(course_key: str) -> Any:
        if "CS1+" in course_key:
            raise PlatformUnavailable("xmodule.modulestore", "failed with ItemNotFoundError")
        return course(course_key)

    monkeypatch.setattr(edx_platform, "course", broken)
    found = compare(None, in_force())

    assert (round(found.changed), found.enrollments, found.is_sampled) == (8, 8, True)


@pytest.fixture
def _two_courses() -> None:
    for place in range(2):
        many(a_course(f"course-v1:DemoX+CS{place}+2026"), place * 4, 4)


def test_an_example_is_a_learner_whom_the_site_means_and_who_has_done_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, course, broken = a_course(), a_course("course-v1:DemoX+CS102+2026"), a_course("course-v1:DemoX+CS103+2026")
    idle, gone, active = a_learner("idle"), a_learner("gone", is_active=False), a_learner("active")
    for learner in (idle, gone, active):
        for key in (out, course, broken):
            enrolled(learner, key)
    CourseOverride.objects.create(course_key=str(out), is_reported=False)
    asked = edx_platform.course

    def reads(key: str) -> Any:
        if key == str(broken):
            raise PlatformUnavailable("the course")
        return asked(key)

    monkeypatch.setattr(edx_platform, "course", reads)
    assert example(in_force()) == (idle.pk, str(course))
    complete(active, course, 0)
    complete(gone, course, 0)
    # What was reported already is no reason against it.
    report_due()

    assert example(in_force()) == (active.pk, str(course))
    assert example(in_force(learners="sso:tpa-saml")) is None
