"""A browser in which an operator is logged in, and a site with something to see."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.test import Client

from tests.browser.chromium import Browser, running
from tests.integration.admin.world import World, a_world

# A folder that keeps a picture of each page, for those who want to look at them.
PICTURES = os.environ.get("PERCIPIO_TEST_PICTURES", "")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests; each logs in anew."""
    with running(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def world(transactional_db: None, arriving: Any) -> World:
    """A site with learners and statements in every state, and a pretend Percipio."""
    return a_world()


@pytest.fixture
def visit(chromium: Browser, live_server: Any, world: World) -> Callable[[str], Browser]:
    """Open a page of the LMS as somebody who may do everything; gives the browser."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    chromium.resize(1280, 900)
    chromium.scheme("light")
    chromium.open(f"{live_server.url}/admin/login/")
    chromium.cookie(django_settings.SESSION_COOKIE_NAME, client.cookies[django_settings.SESSION_COOKIE_NAME].value)
    chromium.console()

    def opened(path: str) -> Browser:
        chromium.open(live_server.url + path)
        return chromium

    return opened


@pytest.fixture
def picture(chromium: Browser) -> Callable[[str], None]:
    """Keep a picture under a name, where a folder for them is given."""

    def keep(name: str) -> None:
        if PICTURES:
            folder = Path(PICTURES)
            folder.mkdir(parents=True, exist_ok=True)
            chromium.picture(folder / f"{name}.png")

    return keep
