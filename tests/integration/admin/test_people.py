"""An operator sees by name whom a site reports, and nobody else; and who looked for whom is in the admin's log."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from social_django.models import UserSocialAuth

from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import LearnerCourse, Notice
from percipio_openedx.operations import labels
from percipio_openedx.reporting import report_due
from tests.integration.admin.world import World
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.operations.test_erasures import ask_to_retire

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

OF_ANOTHER = "course-v1:OtherX+ART1+2026"
# What would be known of somebody: none of it is typed below.
REPORTED = ("Danger", "stranger.private@example.com")
PAGES = {
    "find": ("admin:percipio_openedx_learner", "q"),
    "preview": ("admin:percipio_openedx_preview", "learner"),
    "statements": ("admin:percipio_openedx_statement_changelist", "q"),
    "learners in courses": ("admin:percipio_openedx_learnercourse_changelist", "q"),
}


def asked(client: Client, name: str, typed: str) -> Any:
    """One of the pages, asked for a person; the preview's for a course as well."""
    address, parameter = PAGES[name]
    return client.get(reverse(address), {parameter: typed, **({"course": KEY} if name == "preview" else {})})


def a_stranger(username: str = "sneakers", **fields: Any) -> Any:
    return a_learner(username, name="Stranger Danger", email="stranger.private@example.com", **fields)


@pytest.fixture
def unreported(request: pytest.FixtureRequest, reporting: Any) -> Any:
    """Somebody whom no site reports, for the reason of the parameter."""
    course, other = a_course(), a_course(OF_ANOTHER)
    person = a_stranger()
    match request.param:
        case "of another site":
            reporting.PERCIPIO_CLIENT_ID = reporting.PERCIPIO_CLIENT_SECRET = reporting.PERCIPIO_PARTNER_NAME = ""
            enrolled(person, other)
        case "not selected":
            reporting.PERCIPIO_LEARNERS = "sso:okta"
            enrolled(person, course)
        case "not selected, looked at":
            reporting.PERCIPIO_LEARNERS = "sso:okta"
            enrolled(person, course)
            report_due()
            assert LearnerCourse.objects.get().hold_reason == "not_selected"
        case "inactive":
            enrolled(person, course)
            get_user_model().objects.filter(pk=person.pk).update(is_active=False)
        case "retiring":
            enrolled(person, course)
            ask_to_retire(person)
            get_user_model().objects.filter(pk=person.pk).update(email="stranger.private@example.com", is_active=True)
    return person


KINDS = ["nowhere enrolled", "of another site", "not selected", "not selected, looked at", "inactive", "retiring"]


@pytest.mark.thinned(5)
@pytest.mark.parametrize("unreported", KINDS, indirect=True)
@pytest.mark.parametrize("name", PAGES)
def test_who_is_not_reported_is_not_shown(unreported: Any, everything: Client, name: str) -> None:
    for typed in ("stran", "sneak", "Stranger", str(unreported.pk), "sneakers"):
        page = asked(everything, name, typed)
        assert page.status_code == 200
        text = page.content.decode().replace(f'value="{typed}"', "")
        assert [reported for reported in REPORTED if reported in text] == [], typed


@pytest.mark.parametrize("unreported", KINDS, indirect=True)
def test_the_time_line_names_nobody_who_is_not_reported(unreported: Any, everything: Client) -> None:
    page = everything.get(reverse("admin:percipio_openedx_timeline", args=[unreported.pk, KEY])).content.decode()

    assert [reported for reported in (*REPORTED, "sneakers") if reported in page] == []
    assert f"user {unreported.pk}, whom no site reports" in page


@pytest.mark.parametrize("observed_at", [False, True])
def test_who_is_reported_is_found_as_before(everything: Client, reporting: Any, observed_at: bool) -> None:
    reporting.PERCIPIO_LEARNERS = "sso:okta"
    person = a_stranger()
    UserSocialAuth.objects.create(user=person, provider="okta", uid="x-1")
    enrolled(person, a_course())
    if observed_at:
        report_due()
    Notice.objects.all().delete()

    for name in ("find", "preview"):
        for typed in ("stran", "sneak", str(person.pk)):
            text = asked(everything, name, typed).content.decode()
            assert "Stranger Danger" in text, (name, typed)
    timeline = everything.get(reverse("admin:percipio_openedx_timeline", args=[person.pk, KEY]))
    assert "Stranger Danger" in timeline.content.decode()


def test_why_somebody_is_not_reported_is_told_to_who_knows_them(everything: Client) -> None:
    """By the whole username or address; with the reason, and without anything that was not typed."""
    a_course()
    a_stranger()
    page = everything.get(reverse("admin:percipio_openedx_preview"), {"learner": "sneakers", "course": KEY})

    text = page.content.decode()
    assert labels.of(labels.HOLDS, HoldReason.NOT_ENROLLED) in html.unescape(text)
    assert [reported for reported in REPORTED if reported in text] == []


def entries() -> list[tuple[str, str]]:
    return list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message"))


def test_every_look_at_people_is_in_the_log(world: World, everything: Client) -> None:
    amina = world.amina
    row = LearnerCourse.objects.get(user_id=amina.pk)
    everything.get(reverse("admin:percipio_openedx_preview"), {"learner": "amina", "course": KEY})
    everything.get(reverse("admin:percipio_openedx_preview"), {"learner": "a", "course": KEY})
    everything.get(reverse("admin:percipio_openedx_learner"), {"q": "Amina Had"})
    everything.get(reverse("admin:percipio_openedx_timeline", args=[amina.pk, KEY]))
    everything.get(reverse("admin:percipio_openedx_statement_changelist"), {"q": "amina@example.com"})
    everything.get(reverse("admin:percipio_openedx_learnercourse_changelist"), {"q": "amina"})

    named = f"user {amina.pk} in {KEY}"
    assert entries() == [
        (named, "Previewed what would be reported."),
        (named, "Previewed what would be reported."),
        ("learners", "Searched for learners."),
        (named, "Viewed the time line."),
        ("learners", "Searched for learners."),
        ("learners", "Searched for learners."),
    ]
    assert set(LogEntry.objects.filter(object_repr=named).values_list("object_id", flat=True)) == {str(row.pk)}
    assert set(LogEntry.objects.values_list("user__username", flat=True)) == {"root"}


def test_what_was_typed_is_not_in_the_log(world: World, everything: Client) -> None:
    for name in PAGES:
        asked(everything, name, "amina@example.com")
        asked(everything, name, "Nobody Known")
    assert len(entries()) == 8
    written = str(entries()).lower()
    assert [word for word in ("amina", "nobody", "example.com") if word in written] == []


def test_pages_that_name_nobody_leave_no_entry(world: World, everything: Client) -> None:
    for address in ("learner", "preview", "statement_changelist", "overview"):
        everything.get(reverse(f"admin:percipio_openedx_{address}"))
    everything.get(reverse("admin:percipio_openedx_statement_changelist"), {"q": KEY})
    everything.get(reverse("admin:percipio_openedx_statement_changelist"), {"state": "parked"})

    assert entries() == []


def test_an_lms_that_cannot_tell_who_is_enrolled(
    world: World, everything: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise PlatformUnavailable("student.models.CourseEnrollment")

    stranger = a_stranger()
    monkeypatch.setattr("percipio_openedx.edx_platform.courses_of", broken)
    page = everything.get(reverse("admin:percipio_openedx_timeline", args=[stranger.pk, KEY])).content.decode()
    assert [reported for reported in (*REPORTED, "sneakers") if reported in page] == []
    for name in PAGES:
        page = asked(everything, name, "stran")
        assert page.status_code == 200
        assert "Stranger Danger" not in page.content.decode()
