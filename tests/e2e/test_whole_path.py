"""From a learner's act in the LMS to a statement in a (pretend) Percipio."""

from __future__ import annotations

from typing import Any

import pytest
from completion.models import BlockCompletion
from lms.djangoapps.grades.api import CourseGradeFactory

from percipio_openedx.models import DeliveryAttempt, LearnerCourse, PercipioConfiguration, Statement
from percipio_openedx.operations.run import run_once
from tests.integration.builders import KEY, a_course, a_learner, a_site, block, enrolled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]


def kinds(sandbox: Any) -> list[str]:
    return [statement["verb"]["id"].rsplit("/", 1)[1] for statement in sandbox.statements]


def deliver() -> None:
    """Passes until nothing is due: a learner's statements of one course leave one after the other."""
    for _ in range(10):
        if run_once() is None:
            return


def test_a_learner_starts_works_and_completes(arriving: Any) -> None:
    course, learner = a_course(units=2), a_learner()
    enrolled(learner, course)
    BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
    deliver()
    CourseGradeFactory().update(learner, course_key=course)
    deliver()

    assert kinds(arriving)[:2] == ["initialized", "progressed"]
    assert set(Statement.objects.values_list("state", flat=True)) == {"delivered"}
    assert DeliveryAttempt.objects.filter(outcome="accepted").exists()


def test_the_same_again_sends_nothing(arriving: Any) -> None:
    course, learner = a_course(units=2), a_learner()
    for _ in range(3):
        enrolled(learner, course)
        deliver()

    assert kinds(arriving) == ["initialized"]


def test_two_sites_never_mix(arriving: Any, reporting: Any) -> None:
    campus = a_site("campus.demo.local", "CampusX")
    PercipioConfiguration.objects.create(
        site=campus, enabled=True, partner_name="campus", client_id="campus-client", client_secret="other"
    )
    for key, name in ((KEY, "amina"), ("course-v1:CampusX+P+1", "bo")):
        enrolled(a_learner(name), a_course(key))
    deliver()

    sent = {
        (request.path.split("/partners/")[1].split("/")[0], statement["actor"]["mbox"])
        for request, statement in zip(
            [request for request in arriving.requests if request.path.endswith("/statements")],
            arriving.statements,
            strict=True,
        )
    }
    assert sent == {("acme", "mailto:amina@example.com"), ("campus", "mailto:bo@example.com")}


def test_an_outage_delays_and_loses_nothing(arriving: Any) -> None:
    arriving.set_scenario("server-500")
    learner = a_learner()
    enrolled(learner, a_course())
    deliver()
    assert kinds(arriving) == []
    assert Statement.objects.get().state == "waiting"
    assert LearnerCourse.objects.get().reported_started

    arriving.set_scenario("ok")
    waiting = Statement.objects.get()
    waiting.destination.refresh_from_db()
    assert waiting.destination.retry_at is not None
    type(waiting.destination).objects.update(retry_at=None)
    Statement.objects.update(due_at=waiting.happened_at)
    deliver()
    assert kinds(arriving) == ["initialized"]
