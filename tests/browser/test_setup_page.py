"""The five minutes in Chromium: from no credentials to the first statement that arrives, by the setup page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse

from percipio_openedx import config
from percipio_openedx.models import Destination, LearnerCourse, Notice, Statement
from percipio_openedx.operations.run import run_once
from percipio_sandbox import Sandbox
from tests.browser.axe import AXE, faults
from tests.browser.chromium import Browser
from tests.integration.admin.world import World
from tests.integration.builders import KEY

pytestmark = pytest.mark.browser

SECRET = "canary-of-the-setup-19d2"
SETUP = "admin:percipio_openedx_site_setup"


@pytest.fixture
def new(world: World, arriving: Sandbox, settings: Any) -> Sandbox:
    """An LMS with learners that was never set up."""
    settings.PERCIPIO_ENCRYPTION_KEYS = ["first text of keys 0d84be"]
    for name in ("PARTNER_NAME", "ORGANIZATION_ID", "CLIENT_ID", "CLIENT_SECRET", "LEARNERS"):
        setattr(settings, f"PERCIPIO_{name}", "")
    for model in (Statement, LearnerCourse, Notice):
        model.objects.all().delete()
    Destination.objects.filter(attempts=None).delete()
    Destination.objects.update(last_success_at=None, last_error="")
    cache.clear()
    return arriving


def test_from_no_credentials_to_the_first_statement(
    new: Sandbox, world: World, visit: Callable[[str], Browser], picture: Callable[[str], None]
) -> None:
    def stage(name: str) -> None:
        """Look at the page as it is now."""
        picture(f"setup-stage-{name}")
        if AXE.exists():
            found.extend((name, *fault) for fault in faults(browser))

    found: list[Any] = []
    browser = visit(reverse("admin:percipio_openedx_overview") + "?fresh")
    browser.click(f'#content a[href="{reverse(SETUP, args=[1])}"]')
    browser.wait_for("Credentials now")
    stage("1-nothing")
    browser.click(".percipio-steps a[href*='add/?setup=1']")
    for field, text in (
        *(("partner_name", "acme"), ("client_id", "acme-client"), ("new_password", SECRET)),
        *(("api_url", new.url), ("token_url", new.token_url)),
    ):
        browser.type(f"#id_{field}", text)
    browser.run("document.querySelector('#id_region').value = 'custom'")
    browser.click('input[name="_save"]')
    browser.wait_for("Test now")
    browser.click("input[value='Test the connection']")
    browser.wait_for("The connection works.")
    stage("2-tested")
    browser.click(".percipio-steps li:nth-child(3) a[href*='source=']")
    browser.click('input[name="learners"][value="all"]')
    browser.click('input[name="_save"]')
    browser.wait_for("Whom and what done")
    browser.click("input[value='Preview one statement']")
    browser.wait_for("Preview of one real statement done")
    stage("4-previewed")
    assert "this is what would be sent" in browser.text(".percipio-steps li:nth-child(4)")
    browser.click("input[value='Switch on']")
    browser.wait_for("Reports 2 learners in 1 of 1 course.")
    stage("5-asked")
    assert config.for_site(1) is None
    browser.click("input[value='Yes, switch it on']")
    browser.wait_for("The site is switched on.")
    stage("6-switched-on")

    Notice.objects.create(user_id=world.amina.pk, course_key=KEY, reason="grade", noticed_at=world.now)
    run_once()
    # What the page does by itself every ten seconds.
    browser.run("return countAgain()")
    browser.wait_for("Percipio has accepted statements of this site.")
    stage("7-arrived")
    browser.click("#watch p a")
    browser.wait_for("Percipio has it.")

    assert found == []
    assert [line for line in browser.console() if "favicon" not in line] == []
    assert len(new.statements) == 1
