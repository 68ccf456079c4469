"""The preview: what a look would find, without leasing, storing or sending anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.apps import apps
from django.test import Client
from django.urls import reverse
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.external_user_ids.models import ExternalId

from percipio_openedx.enums import Kind, UnreportedReason
from percipio_openedx.models import CourseOverride, LearnerCourse, Notice, Statement
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.preview import preview
from percipio_openedx.reporting.unreported import Unreported
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]


def rows() -> dict[str, list[Any]]:
    """Everything that the database holds of the plugin."""
    models = apps.get_app_config("percipio_openedx").get_models()
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


@pytest.fixture
def amina() -> Any:
    """Enrolled, with three of ten units done."""
    course, learner = a_course(), a_learner("amina")
    enrolled(learner, course)
    for number in range(3):
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, number), completion=1.0)
    return learner


def test_the_preview_shows_what_the_look_then_stores(amina: Any) -> None:
    before = rows()
    shown = preview(amina.pk, KEY)
    assert rows() == before

    report_due()
    stored = list(Statement.objects.values_list("uuid", "body", "track"))
    assert [(built.id, built.body, built.track) for _milestone, built in shown.statements] == [
        (uuid, bytes(body), bytes(track)) for uuid, body, track in stored
    ]
    assert [milestone.kind for milestone, _built in shown.statements] == [Kind.STARTED, Kind.PROGRESSED]


def test_after_the_report_there_is_nothing_new_but_afresh_there_is(amina: Any) -> None:
    first = preview(amina.pk, KEY)
    report_due()
    before = rows()

    assert preview(amina.pk, KEY).statements == ()
    assert preview(amina.pk, KEY, afresh=True).statements == first.statements
    assert rows() == before


def test_it_says_why_the_rest_is_not_reported(amina: Any) -> None:
    report_due()

    assert preview(amina.pk, KEY).unreported == (
        Unreported(Kind.PROGRESSED, UnreportedReason.STEP_NOT_REACHED, 30),
        Unreported(Kind.PASSED, UnreportedReason.NO_GRADE),
        Unreported(Kind.FAILED, UnreportedReason.NOT_CHOSEN),
        Unreported(Kind.COMPLETED, UnreportedReason.NO_GRADE, 30),
    )


def test_a_reason_to_hold_back_is_shown(amina: Any) -> None:
    CourseOverride.objects.create(course_key=KEY, is_reported=False)

    shown = preview(amina.pk, KEY)
    assert (shown.hold, shown.statements, shown.unreported) == ("course_left_out", (), ())


def test_what_the_platform_writes_on_the_way_is_taken_back(amina: Any, reporting: Any) -> None:
    reporting.PERCIPIO_LEARNER_ID = "external_id"

    assert len(preview(amina.pk, KEY).statements) == 2
    assert ExternalId.objects.count() == 0


def test_a_site_that_reports_nothing(amina: Any, reporting: Any) -> None:
    reporting.PERCIPIO_ENABLED = False

    shown = preview(amina.pk, KEY)
    assert (shown.site_id, shown.configuration, shown.statements) == (1, None, ())


# --- the pages -------------------------------------------------------------------------------------------------------


def page(client: Client, **query: str) -> str:
    response = client.get(reverse("admin:percipio_openedx_preview"), query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.usefixtures("no_calls")
def test_the_page_shows_both_forms(amina: Any, everything: Client) -> None:
    before = rows()
    text = page(everything, learner="amina", course=KEY)

    (_first, built), _second = preview(amina.pk, KEY).statements
    assert str(json.loads(built.body)["id"]) in text
    assert "&quot;completion_percentage&quot;: 30" in text
    assert rows() == before


@pytest.mark.parametrize(
    ("learner", "course", "words"),
    [
        ("amina", "nowhere", "No course has that in its name or key."),
        ("nobody", KEY, "No learner, or more than one, matches."),
        ("am", KEY, "No learner, or more than one, matches."),
        ("amina", "course-v1:DemoX+Gone+1", "The LMS has no such course run (any more)."),
    ],
)
def test_what_cannot_be_shown_is_said(amina: Any, everything: Client, learner: str, course: str, words: str) -> None:
    enrolled(a_learner("amir"), CourseKey.from_string(KEY))

    assert words in page(everything, learner=learner, course=course)


def test_a_wrong_configuration_is_said(amina: Any, everything: Client, reporting: Any) -> None:
    reporting.PERCIPIO_REGION = "mars"

    assert "PERCIPIO_REGION" in page(everything, learner="amina", course=KEY)


def timeline(client: Client, user_id: int, course_key: str = KEY) -> Any:
    response = client.get(reverse("admin:percipio_openedx_timeline", args=[user_id, course_key]))
    assert response.status_code == 200
    return response.context


def reported(context: Any) -> list[tuple[str, str]]:
    return [(entry.title, entry.message) for _row, entries in context["lines"] for entry in entries]


def test_the_time_line_goes_from_notice_to_answer(amina: Any, everything: Client) -> None:
    before = timeline(everything, amina.pk)
    assert [title for title, _words in reported(before)] == [
        "Noticed: enrollment",
        *["Noticed: a block was completed"] * 3,
    ]
    assert before["due"] == ["started", "progressed 30 %"]

    report_due()
    after = timeline(everything, amina.pk)
    assert reported(after) == [
        ("started", "Waits for a worker."),
        ("progressed 30 %", "Waits: an earlier statement of this learner and course has to leave first."),
        ("Last observed", "Everything that was due then is above."),
    ]
    assert after["due"] == []
    assert after["unreported"] == [
        ("progressed", "30 percent are done, which is no new step of 10 percent"),
        ("passed", "the LMS has no grade of this learner"),
        ("failed", "this site does not report it (PERCIPIO_MILESTONES)"),
        ("completed", "the LMS has no grade of this learner"),
    ]


def test_the_time_line_gives_the_reason_of_a_hold(amina: Any, everything: Client, reporting: Any) -> None:
    reporting.PERCIPIO_LEARNERS = "sso:tpa-saml"
    report_due()

    words = "Only learners of one single-sign-on provider are reported; this one is none of them."
    context = timeline(everything, amina.pk)
    assert reported(context) == [("Observed, not reported", words)]
    assert context["hold"] == words


def test_the_time_line_of_somebody_who_was_never_looked_at(amina: Any, everything: Client) -> None:
    Notice.objects.all().delete()
    context = timeline(everything, amina.pk)

    assert reported(context) == []
    assert context["due"] == ["started", "progressed 30 %"]
    assert LearnerCourse.objects.count() == 0
    assert everything.get(reverse("admin:percipio_openedx_timeline", args=[1, "no key"])).status_code == 404


def test_the_learner_view_names_those_whose_courses_were_never_looked_at(amina: Any, everything: Client) -> None:
    Notice.objects.all().delete()
    url = reverse("admin:percipio_openedx_learner")
    found = everything.get(url, {"q": f"amina {KEY}"})

    assert [learner.username for learner in found.context["others"]] == ["amina"]
    assert reverse("admin:percipio_openedx_timeline", args=[amina.pk, KEY]) in found.content.decode()
    assert everything.get(url, {"q": "nobody"}).context["others"] == []
