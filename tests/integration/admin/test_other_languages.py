"""What is put together on a page reads well in languages with a comma, a stop and a direction of their own."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.utils import translation

from percipio_openedx.admin.labels import LABELS
from percipio_openedx.edx_platform import at_once
from percipio_openedx.models import ErasureRequest
from percipio_openedx.operations import course_checks, labels
from percipio_openedx.reporting import course_progress
from tests.integration.admin.test_pages import admin_url
from tests.integration.admin.world import World
from tests.integration.builders import KEY


def page_in(client: Client, language: str, url: str) -> str:
    with translation.override(language):
        return client.get(url).content.decode()


def test_a_reason_ends_with_the_stop_of_its_language(world: World, everything: Client) -> None:
    url = admin_url("timeline", world.amina.pk, KEY)
    assert "not reported, because the LMS has no grade of this learner." in page_in(everything, "en", url)
    in_japanese = page_in(everything, "ja", url)
    assert "報告されません。理由: LMS にこの学習者の成績がありません。</li>" in in_japanese
    query = f"?learner=amina&course={KEY.replace('+', '%2B')}&afresh=1"
    assert ".</li>" not in page_in(everything, "ja", admin_url("preview") + query)


@pytest.mark.parametrize(("language", "said"), [("en", "a, b"), ("de", "a, b"), ("ar", "a، b"), ("ja", "a、b")])
def test_a_list_has_the_comma_of_its_language(language: str, said: str) -> None:
    with translation.override(language):
        assert labels.listed(["a", "b"]) == said


def test_every_field_that_a_page_shows_has_a_translated_label(everything: Client, admin_user: Any) -> None:
    request = RequestFactory().get("/")
    request.user = admin_user
    shown = {
        f"{model.__name__}.{field.name}"
        for model, page in admin.site._registry.items()
        if model._meta.app_label == "percipio_openedx"
        for field in model._meta.concrete_fields
        if field.name in {*map(str, page.list_display), *_fields(page, request)} and field.name != "id"
    }
    assert {name for name in shown if name.partition(".")[2] not in LABELS} == set()
    assert len(shown) > 100


def _fields(page: Any, request: Any) -> list[str]:
    """The fields of a row's own page, in whatever rows they are put."""
    names: list[str] = []
    for _title, options in page.get_fieldsets(request, None):
        for name in options["fields"]:
            names += [name] if isinstance(name, str) else name
    return names


def test_a_row_is_headed_in_the_language_of_the_reader(world: World, everything: Client) -> None:
    row = ErasureRequest.objects.create(site_id=1, registrations="", statements=1, erased_at=world.now)
    page = page_in(everything, "de", admin_url("erasurerequest_change", row.pk))
    assert f"<h2>Löschauftrag {row.pk}</h2>" in page
    assert "erasure 1: site=1" not in page


def test_what_leads_to_a_page_keeps_its_direction(world: World, everything: Client) -> None:
    page = page_in(everything, "ar", admin_url("overview"))
    assert "<bdi>Skillsoft Percipio</bdi></a>" in page
    assert '&rsaquo; <bdi dir="rtl">Percipio: هل يعمل؟</bdi>' in page


def test_the_doctor_translates_why_a_course_is_asked_one_by_one(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course_progress, "reasons", lambda: {KEY: at_once.TOO_FEW})
    with translation.override("de"):
        assert [str(one.seen) for one in course_checks.progress()] == [
            f"{KEY}: Es wird einzeln nach jedem Lernenden gefragt: zu wenige Lernende auf einmal"
        ]
