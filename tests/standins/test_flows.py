"""Answers over HTTP: the request emits its part, and the worker grades and certifies as a real one was seen to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH
from django.test import Client
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.certificates.signals import AUTO_GENERATION_SWITCH
from lms.djangoapps.grades.models import PersistentCourseGrade
from lms.djangoapps.instructor.enrollment import reset_student_attempts
from waffle.testutils import override_switch

from tests.conftest import LmsWorker
from tests.standins.acts import Stage
from tests.standins.recorder import Recorder

pytestmark = pytest.mark.django_db(transaction=True)

FLOWS = json.loads((Path(__file__).parent / "flows.json").read_text())


@pytest.fixture(autouse=True)
def _switches() -> Any:
    with override_switch(ENABLE_COMPLETION_TRACKING_SWITCH.name, True), override_switch(AUTO_GENERATION_SWITCH, True):
        yield


def answer(client: Client, stage: Stage, problem: str, correct: bool = True) -> None:
    """Answer a problem in the browser."""
    url = f"/courses/{stage.key}/xblock/{stage.block('problem', problem)}/handler/xmodule_handler/problem_check"
    assert client.post(url, {"correct": int(correct)}).status_code == 200


def seen(entries: list[dict[str, Any]], in_worker: bool) -> list[dict[str, Any]]:
    """The entries in the form of the flows."""
    return [
        {
            "kind": entry["kind"],
            "name": entry["name"],
            "atomic_depth": entry["atomic_depth"],
            "in_worker": in_worker,
            "context": sorted(entry["context"]) if in_worker and "context" in entry else None,
        }
        for entry in entries
    ]


def test_request_and_worker_emit_what_a_real_lms_emitted(lms_worker: LmsWorker) -> None:
    stage = Stage()
    learner = stage.learner("learner30")
    CourseEnrollment.enroll(learner, stage.key, mode="honor")
    lms_worker.work()
    client = stage.client(learner)
    emitted: dict[str, list[dict[str, Any]]] = {}
    problems = ("problem211", "problem212", "problem221")
    flows = ("worker_failing", "worker_first_pass", "worker_passing_again")
    with Recorder() as recorder:
        for flow, problem in zip(flows, problems, strict=True):
            with recorder.act() as by_request:
                answer(client, stage, problem)
            with recorder.act() as by_worker:
                lms_worker.work()
            emitted[flow] = seen(by_request, in_worker=False) + seen(by_worker, in_worker=True)
    assert emitted == FLOWS


def test_a_deleted_answer_takes_grade_and_certificate_back_but_not_the_date(lms_worker: LmsWorker) -> None:
    stage = Stage()
    learner = stage.learner("learner31")
    CourseEnrollment.enroll(learner, stage.key, mode="honor")
    client = stage.client(learner)
    for problem in ("problem211", "problem212"):
        answer(client, stage, problem)
        lms_worker.work()
    passed = PersistentCourseGrade.objects.get(user_id=learner.id)
    held = GeneratedCertificate.objects.get(user=learner)
    reset_student_attempts(
        stage.key, learner, stage.block("problem", "problem211"), requesting_user=learner, delete_module=True
    )
    lms_worker.work()
    failed = PersistentCourseGrade.objects.get(user_id=learner.id)
    assert (passed.percent_grade, passed.letter_grade) == (0.5, "Pass")
    assert (failed.percent_grade, failed.letter_grade) == (0.25, "")
    assert failed.passed_timestamp == passed.passed_timestamp is not None
    assert (held.status, GeneratedCertificate.objects.get(user=learner).status) == ("downloadable", "notpassing")


def test_asking_for_a_certificate_needs_a_passing_grade(lms_worker: LmsWorker) -> None:
    stage = Stage()
    learner = stage.learner("learner32")
    CourseEnrollment.enroll(learner, stage.key, mode="honor")
    client = stage.client(learner)
    url = f"/courses/{stage.key}/generate_user_cert"
    assert client.post(url).status_code == 400
    with override_switch(AUTO_GENERATION_SWITCH, False):
        for problem in ("problem211", "problem212"):
            answer(client, stage, problem)
        lms_worker.work()
    assert not GeneratedCertificate.objects.exists()
    assert client.post(url).status_code == 200
    lms_worker.work()
    assert GeneratedCertificate.objects.get(user=learner).grade == "0.5"
