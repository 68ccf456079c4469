"""The class page of the demo: each button lets a learner do something, and the sandboxes hear of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

import percipio_openedx
from demo import settings as demo_settings
from demo.learning import classroom, destinations
from demo.learning.management.commands.setup_demo import SITES, add_site
from demo.learning.publishing import publish
from percipio_openedx.operations.run import run_once
from percipio_sandbox import Sandbox
from tests.conftest import LmsWorker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

# The learners, by the course that each is in.
DATA, SAFETY, ARABIC, JAPANESE, BICYCLES = classroom.PLANS


@pytest.fixture
def other() -> Iterator[Sandbox]:
    """The sandbox of the other region."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def page(arriving: Sandbox, other: Sandbox, settings: LazySettings, lms_worker: LmsWorker) -> Client:
    """A browser, and the class opened; what is said of it by then has been forgotten."""
    settings.DEMO_OTHER_REGION_URL = other.url
    for site in SITES:
        add_site(*site)
    for plan in classroom.PLANS.values():
        publish(plan)
    destinations.add_accounts()
    classroom.open_class()
    deliver(lms_worker)
    assert (len(arriving.statements), len(other.statements), len(arriving.track)) == (3, 1, 1)
    for one in (arriving, other):
        one.reset()
    return Client()


def deliver(worker: LmsWorker) -> None:
    worker.work()
    for _ in range(10):
        if run_once() is None:
            return


def press(page: Client, seat: int, act: str) -> Any:
    return page.post("/class", {"seat": seat, "act": act})


def said(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Learner and verb of each statement."""
    return [
        (one["actor"]["mbox"].removeprefix("mailto:").partition("@")[0], one["verb"]["display"]["en-US"])
        for one in sandbox.statements
    ]


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("seat", "acts", "region", "verbs"),
    [
        (DATA, ["unit"], "us", ["progressed"]),
        (SAFETY, ["unit"], "us", ["progressed"]),
        (DATA, ["pass"], "us", ["passed", "completed"]),
        (ARABIC, ["pass"], "us", ["progressed", "passed"]),
        (ARABIC, ["pass", "certificate"], "us", ["progressed", "passed", "completed"]),
        (JAPANESE, ["pass", "certificate"], "eu", ["progressed", "passed", "completed"]),
    ],
)
def test_each_button_arrives(
    page: Client,
    arriving: Sandbox,
    other: Sandbox,
    lms_worker: LmsWorker,
    seat: int,
    acts: list[str],
    region: str,
    verbs: list[str],
) -> None:
    for act in acts:
        answer = press(page, seat, act)
        assert (answer.status_code, answer["Location"]) == (302, f"/class?region={region}")
        deliver(lms_worker)

    here, there = (arriving, other) if region == "us" else (other, arriving)
    assert said(here) == [(f"learner-0-{seat:04}", verb) for verb in verbs]
    assert said(there) == []
    shown = page.get(answer["Location"]).content.decode()
    assert "Watch it arrive" in shown
    assert f'<iframe src="{here.url}/#h-latest"' in shown


def test_a_track_record_arrives_and_each_block_takes_minutes(
    page: Client, arriving: Sandbox, lms_worker: LmsWorker
) -> None:
    for _ in range(2):
        press(page, BICYCLES, "unit")
        deliver(lms_worker)

    # Two units of two blocks: 5 minutes after the first block, then 6, then 7.
    records = [(one["status"], one["completion_percentage"], one["duration_spent"]) for one in arriving.track]
    assert records == [("in_progress", 16, 5 * 60), ("in_progress", 33, 18 * 60)]


def test_what_cannot_be_done_has_no_button_and_is_refused(page: Client) -> None:
    shown = page.get("/class").content.decode()
    buttons = [re.findall(r'name="act" value="(\w+)"', card) for card in shown.split("<section")[1:]]
    assert buttons == [["unit", "pass"], ["unit"], ["unit", "pass"], ["unit", "pass"], ["unit", "pass"]]

    for seat, act in ((SAFETY, "pass"), (SAFETY, "certificate"), (DATA, "certificate"), (DATA, "leave"), (99, "unit")):
        assert press(page, seat, act).status_code == 400
    assert not BlockCompletion.objects.exists()


def test_after_the_last_unit_nothing_is_left_to_do(page: Client) -> None:
    for _ in range(5):
        assert press(page, SAFETY, "unit").status_code == 302
    shown = page.get("/class").content.decode()

    assert "all units done" in shown and "5 of 5 units" in shown
    assert press(page, SAFETY, "unit").status_code == 400


def test_looking_changes_nothing_and_a_press_needs_its_token(page: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.get("/class")

    assert press(strict, DATA, "unit").status_code == 403
    assert page.put("/class").status_code == 405
    assert not BlockCompletion.objects.exists()


def test_opened_twice_it_is_the_same_class(page: Client) -> None:
    before = list(CourseEnrollment.objects.order_by("pk").values())
    classroom.open_class()

    assert list(CourseEnrollment.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_before_it_is_opened_and_at_a_real_percipio_there_is_nothing_to_show(client: Client) -> None:
    shown = client.get("/class?region=eu").content.decode()

    assert "make demo-serve" in shown and "an address of your own" in shown
    assert "<iframe" not in shown


def test_the_pages_of_the_lms_can_be_switched_to_each_language(page: Client, settings: LazySettings) -> None:
    settings.MIDDLEWARE, settings.LANGUAGES = demo_settings.MIDDLEWARE, demo_settings.LANGUAGES
    browser = Client()
    browser.force_login(User.objects.create_superuser("root", "root@example.com", "edx"))
    languages = re.findall(r'name="language" value="([\w-]+)"', browser.get("/class").content.decode())
    folders = (Path(percipio_openedx.__file__).parent / "conf" / "locale").iterdir()
    assert {"de", "en"} <= set(languages) == {folder.name for folder in folders}
    overview = reverse("admin:percipio_openedx_overview")
    titles = set()
    for code in languages:
        answer = browser.post("/i18n/setlang/", {"language": code, "next": overview})
        assert (answer.status_code, answer["Location"]) == (302, overview)
        shown = browser.get(overview).content.decode()
        assert f'<html lang="{code}"' in shown
        titles |= set(re.findall("<h1>(.*?)</h1>", shown))
    assert "Percipio: Läuft es?" in titles and len(titles) == len(languages)
