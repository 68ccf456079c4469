"""The demo project itself: what the environment decides, which Celery app is in force, whose site a request is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import celery
import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.test import Client
from edx_django_utils.plugins import get_plugin_apps
from lms.djangoapps.grades.tasks import recalculate_subsection_grade_v3
from openedx.core.lib.celery import APP

from demo import environment
from demo.learning.accounts import ADMIN_PASSWORD, ADMIN_USERNAME, add_admin


def test_every_task_belongs_to_the_app_of_the_lms() -> None:
    assert celery.current_app._get_current_object() is APP
    assert recalculate_subsection_grade_v3.app is APP
    assert (APP.conf.broker_url, APP.conf.task_default_queue) == (settings.BROKER_URL, "edx.lms.core.default")


def test_the_plugin_comes_through_its_entry_point_only() -> None:
    source = Path(settings.DEMO_DIR, "settings.py").read_text(encoding="utf-8")
    assert "percipio_openedx.apps" not in source
    assert "percipio_openedx.apps.PercipioOpenedxConfig" in get_plugin_apps("lms.djangoapp")


@pytest.mark.parametrize(
    ("default", "text", "expected"),
    [
        (True, "false", False),
        (False, "1", True),
        (30, "5", 5),
        (2.5, "0.5", 0.5),
        ("", "12345", "12345"),
        (None, "new", "new"),
    ],
)
def test_a_variable_overrides_a_setting_as_its_default_says(default: Any, text: str, expected: Any) -> None:
    found: dict[str, Any] = {"PERCIPIO_THING": default, "OTHER": "stays"}
    environment.override(found, {"PERCIPIO_THING": text, "OTHER": "ignored"})
    assert found == {"PERCIPIO_THING": expected, "OTHER": "stays"}


def test_a_database_address_with_everything_in_it() -> None:
    found = environment.database("mysql://demo:p%40ss@db.example.com:3307/lms", Path("unused"))
    assert found == {
        "ENGINE": "django.db.backends.mysql",
        "NAME": "lms",
        "USER": "demo",
        "PASSWORD": "p@ss",
        "HOST": "db.example.com",
        "PORT": "3307",
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"charset": "utf8mb4"},
    }


def test_an_unknown_kind_of_database_is_an_error() -> None:
    with pytest.raises(ValueError, match="oracle"):
        environment.database("oracle://db/lms", Path("unused"))


@pytest.mark.django_db
@pytest.mark.parametrize(("host", "domain"), [("campus.test", "campus.test"), ("elsewhere.test", "example.com")])
def test_a_request_belongs_to_the_site_of_its_host_or_to_the_default_one(host: str, domain: str) -> None:
    Site.objects.create(domain="campus.test", name="Campus")
    response = Client(headers={"host": host}).get("/login")
    assert response.wsgi_request.site.domain == domain


@pytest.mark.django_db
def test_the_login_of_the_demo_opens_the_admin() -> None:
    add_admin()
    client = Client()
    answer = client.post("/login?next=/admin/", {"username": ADMIN_USERNAME, "password": ADMIN_PASSWORD}, follow=True)
    assert "Demo Academy administration" in answer.content.decode()
