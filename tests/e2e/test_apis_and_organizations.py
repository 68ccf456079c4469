"""Both APIs, switching between them, learners of several Percipio organizations, and what is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from completion.models import BlockCompletion
from django.utils import timezone
from lms.djangoapps.grades.models import PersistentCourseGrade
from social_django.models import UserSocialAuth

from percipio_openedx.models import Destination, Statement
from percipio_openedx.operations.run import run_once
from tests.integration.builders import a_course, a_learner, block, enrolled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]


def deliver() -> None:
    for _ in range(10):
        if run_once() is None:
            return


def complete(learner: Any, course: Any, *numbers: int) -> None:
    for number in numbers:
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, number), completion=1.0)


def grade(learner: Any, course: Any, passing: bool) -> None:
    """A stored grade, noticed by the completion that the tests add."""
    row, _ = PersistentCourseGrade.objects.get_or_create(
        user_id=learner.pk, course_id=course, defaults={"percent_grade": 0.0}
    )
    row.percent_grade, row.letter_grade = (0.9, "Pass") if passing else (0.1, "")
    row.passed_timestamp = row.passed_timestamp or timezone.now()
    row.save()


def test_switching_the_api_sends_nothing_again(arriving: Any, reporting: Any) -> None:
    course, learner = a_course(units=10), a_learner()
    enrolled(learner, course)
    complete(learner, course, 0)
    deliver()
    reporting.PERCIPIO_API = "track"
    enrolled(learner, course)
    deliver()
    assert (len(arriving.statements), arriving.track) == (2, [])

    complete(learner, course, 1, 2)
    deliver()
    grade(learner, course, passing=True)
    complete(learner, course, 3)
    deliver()
    assert [(record["status"], record["completion_percentage"]) for record in arriving.track] == [
        ("in_progress", 30),
        ("completed", 100),
    ]
    assert Statement.objects.get(kind="passed").state == "skipped"

    reporting.PERCIPIO_API = "statements"
    enrolled(learner, course)
    deliver()
    assert len(arriving.statements) == 2


def test_what_waits_leaves_by_the_api_in_force(arriving: Any, reporting: Any) -> None:
    """A statement that was built before the switch and not sent yet is sent as a Track record, and once."""
    arriving.set_scenario("unavailable-503")
    enrolled(a_learner(), a_course())
    deliver()
    reporting.PERCIPIO_API = "track"
    arriving.set_scenario("ok")
    Destination.objects.update(retry_at=None)
    deliver()

    assert [record["status"] for record in arriving.track] == ["started"]
    assert arriving.statements == []


def test_learners_of_several_organizations_never_share_a_batch(arriving: Any, reporting: Any) -> None:
    reporting.PERCIPIO_ORGANIZATION_FROM = "sso:percipioOrganizationUuid"
    reporting.PERCIPIO_ORGANIZATION_ID = "org-site"
    course = a_course()
    for name, organization in (("amina", "org-a"), ("bo", "org-b"), ("chi", None)):
        learner = a_learner(name)
        if organization:
            extra = {"percipioOrganizationUuid": [organization]}
            UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=f"p:{name}", extra_data=extra)
        enrolled(learner, course)
    deliver()

    sent = {entry.organization: entry.body["actor"]["mbox"] for entry in arriving.entries}
    assert sent == {
        "org-a": "mailto:amina@example.com",
        "org-b": "mailto:bo@example.com",
        "org-site": "mailto:chi@example.com",
    }


def test_an_organization_that_is_refused_pauses_alone(arriving: Any, reporting: Any) -> None:
    reporting.PERCIPIO_ORGANIZATION_FROM = "sso:percipioOrganizationUuid"
    arriving.set_scenario("refuse-organization=org-a")
    course = a_course()
    for name, organization in (("amina", "org-a"), ("bo", "org-b")):
        learner = a_learner(name)
        extra = {"percipioOrganizationUuid": organization}
        UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=f"p:{name}", extra_data=extra)
        enrolled(learner, course)
    deliver()

    states = dict(Statement.objects.values_list("destination__organization", "state"))
    assert states == {"org-a": "waiting", "org-b": "delivered"}
    paused = {found.organization: bool(found.paused_reason) for found in Destination.objects.all()}
    assert paused == {"org-a": True, "org-b": False}


def test_a_completion_that_is_taken_back_is_voided_once(arriving: Any, reporting: Any) -> None:
    reporting.PERCIPIO_UNDONE = "retract"
    course, learner = a_course(units=10), a_learner()
    enrolled(learner, course)
    grade(learner, course, passing=True)
    deliver()
    grade(learner, course, passing=False)
    for number in range(3):
        complete(learner, course, number)
        deliver()

    sent = [statement["verb"]["id"].rsplit("/", 1)[1] for statement in arriving.statements]
    assert sent[:5] == ["initialized", "passed", "completed", "voided", "voided"]
    assert sent.count("voided") == 2
    voided = [
        statement["object"]["id"] for statement in arriving.statements if statement["verb"]["id"].endswith("voided")
    ]
    reported = {statement["id"]: statement["verb"]["id"].rsplit("/", 1)[1] for statement in arriving.statements}
    assert [reported[one] for one in voided] == ["completed", "passed"]
