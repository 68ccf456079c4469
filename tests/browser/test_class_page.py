"""The demo's class page in Chromium: wide and narrow, light and dark, with the sandbox's live page in its frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from demo.learning import classroom
from demo.learning.management.commands.setup_demo import SITES, add_site
from demo.learning.publishing import publish
from tests.browser.chromium import Browser
from tests.browser.test_launch_page import BEYOND, CONTRASTS, WIDTHS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.usefixtures("completing", "lms_worker")
def test_it_fits_can_be_read_and_shows_the_sandbox(
    chromium: Browser, live_server: Any, arriving: Any, settings: Any, picture: Callable[[str], None]
) -> None:
    settings.DEMO_OTHER_REGION_URL = arriving.url
    for site in SITES:
        add_site(*site)
    for plan in classroom.PLANS.values():
        publish(plan)
    classroom.open_class()
    chromium.console()
    found = []
    for tint in ("light", "dark"):
        chromium.scheme(tint)
        for width in WIDTHS:
            chromium.resize(width, 900)
            chromium.open(f"{live_server.url}/class?region=eu")
            picture(f"class-{tint}-{width}")
            found += [(tint, width, element) for element in chromium.run(BEYOND)]
            assert chromium.run("return document.documentElement.scrollWidth") == width
        found += [(tint, *pair) for pair in chromium.run(CONTRASTS) if pair[1] < 4.5]
    chromium.scheme("light")
    chromium.click('button[value="unit"]')
    chromium.wait_for("José Ramírez finished a unit.")
    chromium.run("document.querySelector('iframe').scrollIntoView()")
    chromium.call("POST", "/frame", {"id": 0})
    chromium.wait_for("Nothing has arrived yet.")
    chromium.call("POST", "/frame", {"id": None})

    assert found == []
    assert [line for line in chromium.console() if "favicon" not in line] == []
