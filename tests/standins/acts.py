"""The acts of the recordings, done to the stand-ins in the recordings' order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from common.djangoapps.student.models import AlreadyEnrolledError, CourseEnrollment, UserProfile
from completion.models import BlockCompletion
from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone
from edx_django_utils.cache import RequestCache
from lms.djangoapps.certificates.generation import generate_course_certificate
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.courseware.models import StudentModule
from lms.djangoapps.grades.course_grade_factory import CourseGradeFactory
from lms.djangoapps.grades.models import PersistentCourseGrade
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.user_api.accounts.utils import create_retirement_request_and_deactivate_account
from waffle.models import Switch

from demo.learning.plans import BlockPlan, CoursePlan, SectionPlan, UnitPlan
from demo.learning.publishing import publish

Act = tuple[str, Callable[[], Any]]
PROBLEM = BlockPlan("problem", "Pick one", weight=1.0)
PLAN = CoursePlan(
    key="course-v1:DemoX+CS101+2026",
    name="Demo Course",
    has_certificate=True,
    sections=(
        SectionPlan(
            "Reading", (UnitPlan("a", (BlockPlan("html", "html11"),)), UnitPlan("b", (BlockPlan("html", "html12"),)))
        ),
        SectionPlan("Doing", (UnitPlan("c", (PROBLEM, PROBLEM)), UnitPlan("d", (PROBLEM, PROBLEM)))),
    ),
)


class Stage:
    """One course, and learners who come as they are called."""

    def __init__(self) -> None:
        self.key: CourseKey = publish(PLAN)

    def learner(self, username: str, superuser: bool = False) -> User:
        """A learner with a profile and a usable password."""
        user = User.objects.create_user(username, f"{username}@example.com", "a password", is_superuser=superuser)
        UserProfile.objects.create(user=user, name=f"Name of {username}")
        return User.objects.get(pk=user.pk)

    def client(self, user: User) -> Client:
        """A browser in which the learner is logged in."""
        client = Client()
        client.force_login(user)
        return client

    def block(self, block_type: str, name: str) -> Any:
        """The key of a block of the course."""
        return self.key.make_usage_key(block_type, name)

    def answered(self, user: User, *problems: str) -> None:
        """Right answers that nobody graded yet."""
        for name in problems:
            StudentModule.objects.create(
                student=user, module_state_key=self.block("problem", name), course_id=self.key, grade=1.0, max_grade=1.0
            )


def enrollment(stage: Stage) -> Iterator[Act]:
    """Enrolments, by call and by request."""
    one, two, three = (stage.learner(name) for name in ("learner1", "learner2", "learner3"))
    key = stage.key
    yield "enroll_new", lambda: CourseEnrollment.enroll(one, key)
    yield "enroll_again", lambda: CourseEnrollment.enroll(one, key)
    yield (
        "enroll_again_check_access",
        lambda: _raises(AlreadyEnrolledError, lambda: CourseEnrollment.enroll(one, key, check_access=True)),
    )
    yield "mode_change", lambda: CourseEnrollment.enroll(one, key, mode="honor")
    row = CourseEnrollment.objects.get(user=one)
    yield "mode_change_update", lambda: row.update_enrollment(mode="verified")
    yield "unenroll", lambda: CourseEnrollment.unenroll(one, key)
    yield "unenroll_again", lambda: CourseEnrollment.unenroll(one, key)
    yield "reenroll", lambda: CourseEnrollment.enroll(one, key)
    by_api, by_form = stage.client(two), stage.client(three)
    body = {"course_details": {"course_id": str(key)}}
    yield "enroll_request", lambda: _post_json(by_api, "/api/enrollment/v1/enrollment", body)
    form = {"course_id": str(key), "enrollment_action": "enroll"}
    yield "enroll_dashboard_request", lambda: _ok(by_form.post("/change_enrollment", form))
    form_out = {"course_id": str(key), "enrollment_action": "unenroll"}
    yield "unenroll_dashboard_request", lambda: _ok(by_form.post("/change_enrollment", form_out))


def completion(stage: Stage) -> Iterator[Act]:
    """Completions, by call and by request."""
    learner = stage.learner("learner1")
    html, problems = (
        stage.block("html", "html11"),
        [stage.block("problem", name) for name in ("problem212", "problem211")],
    )
    submit = BlockCompletion.objects.submit_completion
    yield "completion_switch_off", lambda: _raises(RuntimeError, lambda: submit(learner, html, 0.5))
    Switch.objects.create(name=ENABLE_COMPLETION_TRACKING_SWITCH.name, active=True)
    RequestCache.clear_all_namespaces()
    yield "completion_new", lambda: submit(learner, html, 0.5)
    yield "completion_same", lambda: submit(learner, html, 0.5)
    yield "completion_changed", lambda: submit(learner, html, 1.0)
    pairs = [(block, 1.0) for block in problems]
    yield "completion_batch", lambda: BlockCompletion.objects.submit_batch_completion(learner, pairs)
    client = stage.client(learner)
    seen = f"/courses/{stage.key}/xblock/{stage.block('html', 'html12')}/handler/publish_completion"
    yield "completion_request", lambda: _post_json(client, seen, {})


def grades(stage: Stage) -> Iterator[Act]:
    """Grade rows, and the factory called directly."""
    learner = stage.learner("learner4")
    for name, percent in (
        ("grade_row_failing", 0.2),
        ("grade_row_passing", 0.6),
        ("grade_row_passing_again", 0.8),
        ("grade_row_failing_again", 0.3),
    ):
        yield (
            name,
            lambda percent=percent: PersistentCourseGrade.update_or_create(
                user_id=learner.id,
                course_id=stage.key,
                course_version="v1",
                course_edited_timestamp=timezone.now(),
                grading_policy_hash="demo-hash",
                percent_grade=percent,
                letter_grade="Pass" if percent >= 0.5 else "",
                passed=percent >= 0.5,
            ),
        )
    idle, busy = stage.learner("learner6"), stage.learner("learner5")
    factory = CourseGradeFactory()
    yield "grade_update_not_attempted", lambda: factory.update(idle, course_key=stage.key)
    stage.answered(busy, "problem211", "problem212")
    factory.update(busy, course_key=stage.key)
    yield "grade_update_passing", lambda: factory.update(busy, course_key=stage.key)


def certificates(stage: Stage) -> Iterator[Act]:
    """One learner's certificate through all its states, and rows that are made directly."""
    learner = stage.learner("learner7")

    def generate(grade: str) -> Any:
        return generate_course_certificate(learner, stage.key, "downloadable", "honor", grade, "batch")

    def row() -> GeneratedCertificate:
        return GeneratedCertificate.objects.get(user=learner)

    yield "certificate_generated", lambda: generate("0.85")
    yield "certificate_regenerated", lambda: generate("0.85")
    yield "certificate_saved_again", lambda: row().save()
    yield "certificate_notpassing", lambda: row().mark_notpassing("honor", 0.31, source="demo")
    yield "certificate_reissued", lambda: generate("0.9")
    yield "certificate_invalidated", lambda: row().invalidate(source="demo")
    for name, username, status, grade in (
        ("certificate_row_created", "learner8", "downloadable", "0.7"),
        ("certificate_row_unavailable", "learner9", "unavailable", ""),
    ):
        other = stage.learner(username)
        yield (
            name,
            lambda other=other, status=status, grade=grade: GeneratedCertificate.objects.create(
                user=other, course_id=stage.key, status=status, mode="honor", grade=grade, name="A name"
            ),
        )


def retirement(stage: Stage) -> Iterator[Act]:
    """An account asks to be forgotten, and the site's pipeline does it."""
    learner, worker = stage.learner("learner10"), stage.learner("retirement_worker", superuser=True)
    CourseEnrollment.enroll(learner, stage.key, mode="honor")

    def request() -> None:
        with transaction.atomic():
            create_retirement_request_and_deactivate_account(User.objects.get(pk=learner.pk))

    yield "retirement_requested", request
    client, body = stage.client(worker), {"username": "learner10"}
    yield "retirement_unenroll", lambda: _post_json(client, "/api/enrollment/v1/unenroll/", body)
    yield "retirement_lms_misc", lambda: _post_json(client, "/api/user/v1/accounts/retire_misc/", body, 204)
    yield "retirement_lms_critical", lambda: _post_json(client, "/api/user/v1/accounts/retire/", body, 204)


GROUPS = (enrollment, completion, grades, certificates, retirement)


def _raises(kind: type[Exception], call: Callable[[], Any]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


def _post_json(client: Client, url: str, body: dict[str, Any], status: int = 200) -> None:
    _ok(client.post(url, json.dumps(body), content_type="application/json"), status)


def _ok(response: Any, status: int = 200) -> None:
    assert response.status_code == status, response.content
    RequestCache.clear_all_namespaces()
