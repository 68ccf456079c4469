"""The page of the catalog: what stands where and why, the record behind it, and sending it at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import CatalogEntry, CourseOverride, Destination
from percipio_openedx.models.catalog import EntryState, stored_id
from tests.integration.admin.world import HOSTILE
from tests.integration.builders import a_site
from tests.integration.catalog.overviews import an_overview

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reporting")]

LIST = "/admin/percipio_openedx/catalogentry/"
ONE, TWO = "course:A+One", "course:A+Two"
HALF_PAST_NOON = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def site(settings: Any) -> Any:
    settings.PERCIPIO_CATALOG = "all visible"
    settings.PERCIPIO_CATALOG_PUSH = True
    settings.PERCIPIO_ORGANIZATION_ID = "org-7"
    settings.LMS_ROOT_URL = "https://lms.example.com"
    return settings


@pytest.fixture
def looking(operator: Callable[..., Client]) -> Client:
    return operator("view_catalogentry", name="looking")


@pytest.fixture
def sending(operator: Callable[..., Client]) -> Client:
    return operator("view_catalogentry", "send_catalogentry", name="sending")


def an_entry(content_id: str, state: EntryState = EntryState.DELIVERED, site_id: int = 1, **fields: Any) -> Any:
    destination = Destination.of(site_id, "org-7", own_credentials=False, is_catalog=True)
    values = {"title": content_id[-3:], "due_at": timezone.now(), **fields}
    return CatalogEntry.objects.create(destination=destination, content_id=content_id, state=state, **values)


def entries(client: Client, **asked: str) -> list[str]:
    response = client.get(LIST, asked)
    assert response.status_code == 200
    return [row.content_id for row in response.context["cl"].result_list]


def test_items_are_found_by_state_site_id_and_title(looking: Client) -> None:
    other = a_site("campus.example", "Campus").pk
    an_entry(ONE, title="Safety at Work")
    an_entry(TWO, EntryState.REFUSED)
    an_entry("course:Campus+X", EntryState.WITHDRAWN, other)

    assert entries(looking) == [ONE, TWO, "course:Campus+X"]
    assert entries(looking, q="safety") == entries(looking, q="WORK a+one") == [ONE]
    assert entries(looking, q="safety two") == []
    assert entries(looking, state="refused") == [TWO]
    assert entries(looking, state="withdrawn") == entries(looking, site=str(other)) == ["course:Campus+X"]
    assert entries(looking, state="odd", site="odd") == [ONE, TWO, "course:Campus+X"]


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        (EntryState.WAITING, {}, ["It is sent with one of the next passes."]),
        (EntryState.HELD, {}, ["Something mandatory is missing"]),
        (EntryState.WAITING, {"attempts": 2, "answer": "503: busy"}, ["503: busy", "Tried 2 times; next at"]),
        (EntryState.WAITING, {"sent_at": timezone.now()}, ["Percipio holds an earlier version."]),
        (EntryState.REFUSED, {"answer": "400: no type"}, ["Percipio said: 400: no type.", "its course override"]),
        (EntryState.WITHDRAWN, {}, [f"remove the content id {ONE} from the organization org-7"]),
        (EntryState.DELIVERED, {"sent_at": HALF_PAST_NOON}, ["Accepted at May 4, 2026, 12:30 p.m.<"]),
        (EntryState.WAITING, {"attempts": 1, "due_at": HALF_PAST_NOON}, ["next at May 4, 2026, 12:30 p.m.<"]),
    ],
)
def test_why_it_is_not_in_percipio(
    looking: Client, state: EntryState, fields: dict[str, Any], words: list[str]
) -> None:
    row = an_entry(ONE, state, **fields)
    listed = looking.get(LIST).content.decode()
    shown = looking.get(reverse("admin:percipio_openedx_catalogentry_change", args=[row.pk])).content.decode()
    for page in (listed, shown):
        assert [word for word in words if word not in page] == []


def test_what_an_item_lacks_is_said_as_the_lms_says_now(looking: Client) -> None:
    an_overview("course-v1:A+One+R", effort="ask us")
    an_entry(ONE, EntryState.HELD)
    assert "the page of the item says what." in looking.get(LIST).content.decode()
    page = looking.get(LIST + "item/", {"content_id": ONE})
    assert ["PERCIPIO_CATALOG_DURATION" in gap for gap in page.context["gaps"]] == [True]
    CourseOverride.objects.create(course_key="course-v1:A+One+R", duration=3600)
    assert looking.get(LIST + "item/", {"content_id": ONE}).context["gaps"] == []


def test_an_id_that_no_row_can_hold_is_said_and_what_to_do(looking: Client, site: Any) -> None:
    site.PERCIPIO_CONTENT_ID = "url"
    key = f"course-v1:A+{'課' * 80}+R"
    an_overview(key)
    content_id = f"https://lms.example.com/courses/{quote(key, safe=':+@')}"
    an_entry(stored_id(content_id), EntryState.HELD)
    # The list leads there by what stands in the row.
    for asked in (content_id, stored_id(content_id)):
        page = looking.get(LIST + "item/", {"content_id": asked})
        assert ["600 characters" in gap for gap in page.context["gaps"]] == [True]
        assert content_id in page.context["document"]
        assert len(page.context["entries"]) == 1


def test_the_record_is_shown_as_it_would_be_sent(looking: Client) -> None:
    an_overview("course-v1:A+One+R1", display_name="Safety at Work")
    an_overview("course-v1:A+One+R2", invitation_only=True)
    an_entry(ONE, EntryState.REFUSED, answer="400: no type")
    page = looking.get(LIST + "item/", {"site": "1", "content_id": ONE})
    text = page.content.decode()

    assert [run.key for run in page.context["runs"]] == ["course-v1:A+One+R1", "course-v1:A+One+R2"]
    assert '"title": "Safety at Work"' in page.context["document"]
    assert "400: no type" in text
    assert page.context["gaps"] == []


def test_an_item_that_was_never_sent_has_a_record_too(looking: Client, site: Any) -> None:
    site.PERCIPIO_CATALOG_PUSH = False
    an_overview("course-v1:A+One+R1", effort="ask us")
    page = looking.get(LIST + "item/", {"content_id": ONE})

    assert "It was never sent." in page.content.decode()
    assert ["PERCIPIO_CATALOG_DURATION" in gap for gap in page.context["gaps"]] == [True]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"content_id": "course:A+Unknown"}, "This item is not offered."),
        ({}, "This item is not offered."),
        ({"content_id": ONE, "site": "999999999999"}, ""),
        ({"content_id": "course:A+\0" + "x" * 3000, "site": "\u0663"}, "This item is not offered."),
        ({"content_id": HOSTILE, "site": "-1"}, "This item is not offered."),
    ],
)
def test_what_is_no_item_breaks_nothing(looking: Client, asked: dict[str, str], problem: str) -> None:
    an_overview("course-v1:A+One+R1")
    page = looking.get(LIST + "item/", asked)
    assert page.status_code == 200
    assert page.context.get("problem", "") == problem
    assert HOSTILE not in page.content.decode()


def test_a_mistake_or_an_lms_that_cannot_tell_is_said(
    looking: Client, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise PlatformUnavailable("the list of courses")

    with monkeypatch.context() as patched:
        patched.setattr(edx_platform, "course_runs", broken)
        assert "the list of courses" in looking.get(LIST + "item/", {"content_id": ONE}).context["problem"]
    site.PERCIPIO_CATALOG = "some"
    assert "PERCIPIO_CATALOG" in looking.get(LIST + "item/", {"content_id": ONE}).context["problem"]


def test_items_are_sent_at_once(sending: Client) -> None:
    later = timezone.now() + timedelta(hours=1)
    rows = [
        an_entry(ONE, EntryState.WAITING, due_at=later, attempts=3),
        an_entry(TWO, EntryState.REFUSED, due_at=later),
        an_entry("course:A+Old", EntryState.WITHDRAWN, due_at=later),
    ]
    page = sending.post(LIST, {"action": "send_now", "_selected_action": [row.pk for row in rows]}, follow=True)

    assert "2 items are sent now." in page.content.decode()
    assert "What is held back or withdrawn cannot be sent" in page.content.decode()
    states = dict(CatalogEntry.objects.values_list("content_id", "state"))
    assert states == {ONE: "waiting", TWO: "waiting", "course:A+Old": "withdrawn"}
    assert CatalogEntry.objects.due(timezone.now()).count() == 2
    assert LogEntry.objects.filter(change_message="To be sent at once, by an operator.").count() == 2


def test_what_skillsoft_has_removed_is_ticked_off(operator: Callable[..., Client], sending: Client) -> None:
    rows = [an_entry(ONE, EntryState.WITHDRAWN), an_entry(TWO, EntryState.REFUSED)]
    asked = {"action": "tick_off", "_selected_action": [row.pk for row in rows]}
    sending.post(LIST, asked)
    assert CatalogEntry.objects.count() == 2

    page = operator("view_catalogentry", "tick_off_catalogentry").post(LIST, asked, follow=True)
    assert "1 item is ticked off." in page.content.decode()
    assert [row.content_id for row in CatalogEntry.objects.all()] == [TWO]
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(rows[0].pk), "Ticked off by an operator.")


def test_each_permission_opens_its_own(looking: Client, viewer: Client) -> None:
    row = an_entry(ONE, EntryState.REFUSED)
    looking.post(LIST, {"action": "send_now", "_selected_action": [row.pk]})

    assert CatalogEntry.objects.get().state == EntryState.REFUSED
    for path in (LIST, LIST + "item/", reverse("admin:percipio_openedx_catalogentry_change", args=[row.pk])):
        assert viewer.get(path).status_code == 403
    for path in (LIST + "add/", f"{LIST}{row.pk}/delete/"):
        assert looking.get(path).status_code == 403


def test_a_catalog_that_is_not_sent_is_said_on_the_page(looking: Client, site: Any) -> None:
    assert looking.get(LIST).context["not_sent"] == []
    site.PERCIPIO_ORGANIZATION_ID = ""
    assert "PERCIPIO_ORGANIZATION_ID" in looking.get(LIST).content.decode()
    site.PERCIPIO_CATALOG_PUSH = False
    assert "PERCIPIO_CATALOG_PUSH" in looking.get(LIST).content.decode()


def test_a_course_in_the_list_of_courses_leads_to_its_record(operator: Callable[..., Client]) -> None:
    an_overview("course-v1:A+One+R1")
    runs = reverse("admin:percipio_openedx_course_runs")
    address = LIST + "item/?site=1&amp;content_id=course%3AA%2BOne"
    assert address in operator("view_courseoverride", "view_catalogentry").get(runs).content.decode()
    assert address not in operator("view_courseoverride", name="other").get(runs).content.decode()


def test_the_queries_do_not_grow_with_the_items(looking: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        CourseOverride.objects.create(course_key=f"course:A+{number}")
        an_overview(f"course-v1:A+{number}+R", effort="ask us")
        an_entry(f"course:A+{number}", EntryState.HELD)
    with django_assert_max_num_queries(26):
        looking.get(LIST)
