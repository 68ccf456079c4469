"""The list of course runs: what is found, who may offer, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import CourseOverride
from tests.integration.builders import a_site
from tests.integration.catalog.overviews import an_overview, overviews

pytestmark = pytest.mark.django_db

PAGE = "/admin/percipio_openedx/courseoverride/runs/"
RUN = "course-v1:A+One+R"


@pytest.fixture
def editor(operator: Callable[..., Client]) -> Client:
    return operator("add_courseoverride", "change_courseoverride", "view_courseoverride")


@pytest.fixture(autouse=True)
def chosen(settings: Any) -> Any:
    settings.PERCIPIO_CATALOG = "chosen"
    return settings


def keys(client: Client, **asked: str) -> list[str]:
    response = client.get(PAGE, asked)
    assert response.status_code == 200
    return [row.run.key for row in response.context["page_of"]]


def offers() -> dict[str, str]:
    return dict(CourseOverride.objects.values_list("course_key", "offer"))


def test_runs_are_found_by_organization_name_dates_and_offer(viewer: Client) -> None:
    now = timezone.now()
    an_overview(RUN, display_name="Safety at Work", start=now - timedelta(days=9))
    an_overview("course-v1:A+Over+R", start=now - timedelta(days=99), end=now - timedelta(days=1))
    an_overview("course-v1:B+Later+R", enrollment_start=now + timedelta(days=1), start=now + timedelta(days=9))
    CourseOverride.objects.create(course_key="course:B+Later", offer="offered")
    CourseOverride.objects.create(course_key="course-v1:A+Over+R", offer="withdrawn")
    over, later = "course-v1:A+Over+R", "course-v1:B+Later+R"

    assert keys(viewer) == [RUN, over, later]
    assert keys(viewer, org="A") == [RUN, over]
    assert keys(viewer, org="C") == []
    assert keys(viewer, q="safety WORK") == keys(viewer, q="a+one") == [RUN]
    assert keys(viewer, when="open") == keys(viewer, when="running") == [RUN]
    assert keys(viewer, when="later") == [later]
    assert keys(viewer, when="over") == [over]
    assert keys(viewer, offer="offered") == [later]
    assert keys(viewer, offer="not") == [RUN, over]
    assert keys(viewer, offer="withdrawn") == [over]
    assert keys(viewer, offer="odd", when="odd", page="odd") == [RUN, over, later]


def test_many_are_offered_and_withdrawn_at_once(editor: Client) -> None:
    for name in ("One", "Two", "Three"):
        an_overview(f"course-v1:A+{name}+R")
    two = "course-v1:A+Two+R"
    page = editor.post(PAGE, {"act": "offer", "run": [RUN, two, "course-v1:A+Unknown+R", "odd"]}, follow=True)
    assert "2 course runs were changed." in page.content.decode()
    assert offers() == {RUN: "offered", two: "offered"}
    assert {(entry.object_repr, entry.change_message) for entry in LogEntry.objects.all()} == {
        (RUN, "In the catalog: offered."),
        (two, "In the catalog: offered."),
    }
    editor.post(f"{PAGE}?q=two", {"act": "withdraw", "all": "on"})
    assert offers() == {RUN: "offered", two: "withdrawn"}
    editor.post(PAGE, {"act": "unset", "all": "on"})
    assert offers() == {RUN: "", two: "", "course-v1:A+Three+R": ""}
    for wrong in ({"act": "offer"}, {"act": "odd", "run": RUN}):
        editor.post(PAGE, wrong)
    assert set(offers().values()) == {""}


def test_to_offer_a_run_changes_nothing_else_of_it(editor: Client) -> None:
    an_overview(RUN)
    CourseOverride.objects.create(course_key="course:A+One", is_reported=False, content_id="ext-1", title="T")
    editor.post(PAGE, {"act": "offer", "run": RUN})
    row = CourseOverride.objects.get(course_key=RUN)
    # What is left out for all runs stays left out, and its id is theirs.
    assert (row.offer, row.is_reported, row.content_id) == ("offered", False, "")
    assert "ext-1" in editor.get(PAGE).content.decode()


def test_what_holds_an_item_back_is_said(viewer: Client) -> None:
    an_overview(RUN, effort="ask us")
    CourseOverride.objects.create(course_key=RUN, offer="offered")
    assert "Held back: Its effort says no duration that can be read." in viewer.get(PAGE).content.decode()


def test_who_may_only_see_cannot_offer(viewer: Client) -> None:
    an_overview(RUN)
    assert 'name="act"' not in viewer.get(PAGE).content.decode()
    assert viewer.post(PAGE, {"act": "offer", "run": RUN}).status_code == 403
    assert offers() == {}


def test_who_may_not_see_sees_nothing(operator: Callable[..., Client]) -> None:
    assert operator("view_statement").get(PAGE).status_code == 403


def test_a_site_without_a_catalog_or_with_a_wrong_setting_is_shown(editor: Client, chosen: Any) -> None:
    an_overview(RUN, display_name="<script>alert(1)</script>")
    chosen.PERCIPIO_CATALOG = ""
    page = editor.post(PAGE, {"act": "offer", "run": RUN}, follow=True).content.decode()
    assert "Their site has no catalog yet; set PERCIPIO_CATALOG." in page
    assert "offered, but its site has no catalog" in page
    assert "<script>alert" not in page
    chosen.PERCIPIO_CATALOG = "odd"
    assert keys(editor) == [RUN]


def test_sites_are_told_apart(viewer: Client) -> None:
    site = a_site("academy.example", "AcademyX")
    an_overview(RUN)
    assert "academy.example" not in viewer.get(PAGE).content.decode()
    an_overview("course-v1:AcademyX+C+R")
    assert "academy.example" in viewer.get(PAGE).content.decode()
    assert keys(viewer, site=str(site.pk)) == ["course-v1:AcademyX+C+R"]


def test_an_lms_that_cannot_be_asked(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise PlatformUnavailable("CourseOverview", "failed with OSError")

    monkeypatch.setattr(edx_platform, "course_runs", broken)
    assert "The LMS cannot tell" in viewer.get(PAGE).content.decode()


def test_a_page_costs_the_same_however_many_runs_there_are(viewer: Client) -> None:
    counts = []
    for number in (30, 600):
        overviews(number) if number == 30 else [an_overview(f"course-v1:Z+C{n}+R") for n in range(number)]
        viewer.get(PAGE)
        with CaptureQueriesContext(connection) as captured:
            response = viewer.get(PAGE)
        counts.append(len(captured))
        assert len(response.context["page_of"]) == min(number, 100)
    assert counts[0] == counts[1]
