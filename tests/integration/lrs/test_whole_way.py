"""What the plugin itself reports can be pulled, is what was sent, and is found by what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lms.djangoapps.certificates.models import GeneratedCertificate
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.models import Notice, Statement, TopicTerm
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.retirement import erase
from percipio_openedx.statements.vocabulary import VERB_VOIDED, VERBS
from tests.integration.builders import a_course, a_learner, enrolled
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import a_client

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "no_calls", "unthrottled"),
]


@pytest.fixture
def learner(settings: Any) -> Any:
    """Started, completed, had the completion taken back, and started another course."""
    settings.PERCIPIO_COMPLETED_ON, settings.PERCIPIO_UNDONE = "certificate", "retract"
    course, learner = a_course(graded=False), a_learner()
    enrolled(learner, course)
    row = GeneratedCertificate.objects.create(user=learner, course_id=course, status="downloadable", mode="honor")
    report_due()
    row.status = "unavailable"
    row.save()
    Notice.objects.create(
        user_id=learner.pk, course_key=str(course), reason=Reason.CERTIFICATE, noticed_at=timezone.now()
    )
    report_due()
    enrolled(learner, a_course("course-v1:DemoX+CS102+2026"))
    report_due()
    return learner


@pytest.fixture
def reader(learner: Any) -> Puller:
    return Puller(a_client())


def kinds(reader: Puller, **query: Any) -> list[str]:
    """The kinds of what is found, oldest first."""
    ids = reader.ids(ascending="true", **query)
    known = {str(uuid): kind for uuid, kind in Statement.objects.values_list("uuid", "kind")}
    return [known[uuid] for uuid in ids]


def test_what_is_sent_can_be_pulled_byte_for_byte(reader: Puller) -> None:
    answer = reader.get({"ascending": "true"}).content
    for row in Statement.objects.filter(voided_by=None):
        assert bytes(row.body)[:-1] in answer


def test_it_is_found_by_what_it_says(reader: Puller) -> None:
    first = reader.statements(ascending="true")[0]
    course, run = first["object"]["id"], first["context"].get("contextActivities", {}).get("grouping", [{}])[0]
    agent = json.dumps(first["actor"])
    assert kinds(reader) == ["started", "retracted", "started"]
    assert kinds(reader, agent=agent) == ["started", "retracted", "started"]
    assert kinds(reader, activity=course) == ["started", "retracted"]
    assert kinds(reader, activity=course, related_activities="true") == ["started", "retracted"]
    assert kinds(reader, verb=VERBS["completed"]) == ["retracted"]
    assert kinds(reader, verb=VERB_VOIDED, activity=course) == ["retracted"]
    assert kinds(reader, registration=first["context"]["registration"]) == ["started", "retracted"]
    if "id" in run:
        assert kinds(reader, activity=run["id"], related_activities="true") == ["started", "retracted"]


def test_retirement_leaves_nothing_of_the_learner(reader: Puller, learner: Any) -> None:
    assert b"amina@example.com" in reader.get().content
    erase(learner.pk)
    assert reader.ids() == []
    assert reader.get({"verb": VERB_VOIDED}).json() == {"statements": [], "more": ""}


def test_learners_of_a_course_share_its_topics(reader: Puller) -> None:
    before = TopicTerm.objects.count()
    course = CourseKey.from_string("course-v1:DemoX+CS102+2026")
    for number in range(3):
        enrolled(a_learner(f"learner{number}"), course)
    with CaptureQueriesContext(connection) as queries:
        assert report_due().statements == 3
    assert TopicTerm.objects.count() == before
    assert sum("topicterm" in query["sql"] for query in queries) == 1
