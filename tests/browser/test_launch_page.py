"""The launch address as a learner meets it in Chromium: wide and narrow, light and dark, by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from common.djangoapps.student.models import CourseEnrollment
from django.utils import timezone
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from percipio_openedx.statements.content import launch_url
from tests.browser.chromium import Browser
from tests.integration.builders import KEY, a_course, a_learner

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (1280, 390, 320)
LANGUAGES = {"en": "ltr", "de": "ltr", "ar": "rtl"}
ENTER = "\ue007"
BEYOND = """
return [...document.querySelectorAll("body *")]
    .filter(element => {
        const box = element.getBoundingClientRect();
        return box.right > window.innerWidth + 1 || box.left < -1;
    })
    .map(element => element.outerHTML.slice(0, 120));
"""
# What a finger has to hit (WCAG 2.2, 2.5.8).
HEIGHTS = "return [...document.querySelectorAll('a, button')].map(one => one.getBoundingClientRect().height)"
# The contrast of each text with what stands behind it (WCAG 2.2, 1.4.3).
CONTRASTS = """
const channels = color => color.match(/[\\d.]+/g).map(Number);
const light = ([red, green, blue]) => [red, green, blue].map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
const behind = element => {
    const color = channels(getComputedStyle(element).backgroundColor);
    return color.length === 4 && color[3] === 0 ? behind(element.parentElement) : color;
};
return [...document.querySelectorAll("header, h1, p, a, button")]
    .filter(element => element.textContent.trim())
    .map(element => {
        const [first, second] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
        return [element.tagName, (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05)];
    });
"""


@pytest.fixture
def browser(chromium: Browser, live_server: Any, settings: Any) -> Browser:
    """A browser that nobody is logged in with."""
    settings.LEARNING_MICROFRONTEND_URL = f"{live_server.url}/learning"
    settings.LMS_ROOT_URL = live_server.url
    a_learner()
    CourseOverview.get_from_id(a_course(display_name="Grundlagen der Datenschutzgrundverordnungsfolgenabschätzung"))
    now = timezone.now()
    facts = {"upcoming": {"enrollment_start": now + timedelta(days=40)}, "closed": {"end": now - timedelta(days=4)}}
    for name, times in facts.items():
        key = a_course(f"course-v1:DemoX+{name}+1")
        CourseOverview.get_from_id(key)
        CourseOverview.objects.filter(pk=key).update(start=now - timedelta(days=90), **times)
    chromium.resize(1280, 900)
    chromium.open(f"{live_server.url}/login")
    chromium.call("DELETE", "/cookie")
    chromium.console()
    return chromium


def log_in(browser: Browser) -> None:
    browser.type("#id_username", "amina")
    browser.type("#id_password", "edx" + ENTER)


def path(course: str = "CS101") -> str:
    return launch_url(f"course:DemoX+{course}", "")


def test_from_percipio_by_the_login_and_one_key_into_the_course(browser: Browser, live_server: Any) -> None:
    browser.open(live_server.url + path())
    assert browser.run("return location.pathname + location.search") == f"/login?next={quote(path())}/"
    log_in(browser)
    browser.wait_for("You are not enrolled in this course yet.")
    # What the page's first key press reaches is its one button.
    browser.call("POST", "/actions", {"actions": [keys("\ue004")]})
    assert browser.run("return document.activeElement.textContent") == "Enroll in this course"
    assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.call("POST", "/actions", {"actions": [keys(ENTER)]})
    browser.wait_for("Not Found")

    assert browser.run("return location.href") == f"{live_server.url}/learning/course/{KEY}/home"
    assert [str(one.course_id) for one in CourseEnrollment.objects.all()] == [KEY]


def keys(key: str) -> dict[str, Any]:
    return {"type": "key", "id": "keys", "actions": [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]}


def test_every_page_fits_and_can_be_read(
    browser: Browser, live_server: Any, picture: Callable[[str], None], settings: Any
) -> None:
    browser.open(live_server.url + path())
    log_in(browser)
    found = []
    for name in ("CS101", "upcoming", "closed", "unknown"):
        for language, direction in LANGUAGES.items():
            settings.LANGUAGE_CODE = language
            for tint in ("light", "dark"):
                browser.scheme(tint)
                browser.open(live_server.url + path(name))
                assert browser.run("return document.documentElement.dir") == direction
                found += [(name, tint, *pair) for pair in browser.run(CONTRASTS) if pair[1] < 4.5]
                for width in WIDTHS:
                    browser.resize(width, 900)
                    picture(f"launch-{name}-{language}-{tint}-{width}")
                    found += [(name, width, element) for element in browser.run(BEYOND)]
                    assert browser.run("return document.documentElement.scrollWidth") == width
                small = (
                    "return [...document.querySelectorAll('a, button')].map(one => one.getBoundingClientRect().height)"
                )
                found += [(name, "small", height) for height in browser.run(small) if height < 24]
                assert browser.run("return document.querySelectorAll('h1').length") == 1
    browser.scheme("light")
    assert found == []
    assert [line for line in browser.console() if "favicon" not in line and "404" not in line] == []
