"""What Django mails to ``ADMINS`` of an unforeseen error: every frame with its variables, and no secret among them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from percipio_openedx import config
from percipio_openedx.delivery import client as client_module
from percipio_openedx.delivery import exchange as exchange_module
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.models import PercipioConfiguration
from percipio_openedx.models.fields import EncryptedSecretField
from percipio_openedx.operations import connection_check, effect
from percipio_sandbox import Sandbox
from tests.integration.admin.forms import save
from tests.integration.delivery.rows import SECRET

pytestmark = pytest.mark.django_db(transaction=True)

TYPED = "canary-typed-93b0d1c2"
TOKEN = "canary-token-5f2e9a77"


class UnforeseenError(Exception):
    """What nobody thought of."""


def breaks(*_: Any, **__: Any) -> Any:
    raise UnforeseenError


def report_of(act: Callable[[], object]) -> str:
    """The page that Django would mail, as text: with the variables of every frame, and those of the causes."""
    try:
        act()
    except UnforeseenError:
        # The frames below the test's own, which holds the canaries to compare with.
        kind, error, trace = sys.exc_info()
        assert trace is not None
        return ExceptionReporter(None, kind, error, trace.tb_next).get_traceback_html()
    raise AssertionError("nothing broke")


def configuration() -> config.Configuration:
    found = config.for_site(1)
    assert found is not None
    return found


def a_token() -> None:
    assert tokens.fetch(configuration())


def post() -> None:
    PercipioClient(configuration()).post_statements([b"{}"])


def examine() -> None:
    connection_check.examine(configuration())


@pytest.mark.parametrize(
    ("act", "place", "name"),
    [
        # Beneath requests and urllib3, whose variables are headers and bodies.
        (a_token, exchange_module._Connection, "getresponse"),
        (post, exchange_module._Connection, "getresponse"),
        (examine, exchange_module._Connection, "getresponse"),
        (post, exchange_module._Connection, "send"),
        # Where a token has just come.
        (a_token, tokens, "_life"),
        (post, tokens, "_life"),
        (post, Fernet, "encrypt"),
        # Where values to be masked are at hand.
        (post, client_module, "message_of"),
        (examine, connection_check, "message_of"),
        (a_token, tokens, "message_of"),
        # Where the settings are read.
        (configuration, config.site, "_policy"),
        (configuration, config.site, "choice"),
    ],
)
def test_no_frame_shows_a_secret(
    site: Sandbox, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], place: Any, name: str
) -> None:
    if name == "message_of":
        site.set_scenario("token-refused:9" if act is a_token else "forbidden:9")
    monkeypatch.setattr("secrets.token_urlsafe", lambda *_: TOKEN)
    monkeypatch.setattr(place, name, breaks)

    report = report_of(act)

    assert "UnforeseenError" in report
    assert [value for value in (SECRET, TOKEN) if value in report] == []


@pytest.fixture
def mailed(settings: Any) -> Any:
    """The mails to ``ADMINS``, as a site sends them that asks for HTML."""
    settings.ADMINS = [("root", "root@example.com")]
    handler = AdminEmailHandler(include_html=True)
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    # The page with the variables is the alternative; Django's own handler mails the text alone.
    yield lambda: "".join(
        [*(one.body for one in mail.outbox), *(page[0] for one in mail.outbox for page in one.alternatives)]
    )
    logger.removeHandler(handler)


@pytest.fixture
def staff() -> Client:
    """Who may do everything, with a browser that shows errors instead of raising them."""
    client = Client(raise_request_exception=False)
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    return client


FORM = {
    "site": "1",
    "enabled": "on",
    "partner_name": "acme",
    "client_id": "acme-client",
    "new_password": TYPED,
    "region": "eu",
    "send_names": "unknown",
}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (config.site, "_policy"),
        (effect, "compare"),
        (EncryptedSecretField, "get_db_prep_save"),
        (PercipioConfiguration, "save"),
    ],
)
def test_no_mail_shows_what_was_typed_into_the_form(
    site: Sandbox, staff: Client, mailed: Any, monkeypatch: pytest.MonkeyPatch, place: Any, name: str
) -> None:
    monkeypatch.setattr(place, name, breaks)
    response = save(staff, FORM)
    assert response.status_code == 500
    assert ">Variable</th>" in mailed()
    assert [value for value in (TYPED, SECRET) if value in mailed()] == []


@pytest.mark.parametrize("name", ["test", "overview"])
def test_no_mail_shows_the_secret_of_a_row(
    site: Sandbox, staff: Client, mailed: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    PercipioConfiguration.objects.create(
        site=Site.objects.get(pk=1), enabled=True, partner_name="a", client_id="c", client_secret=TYPED, region="eu"
    )
    monkeypatch.setattr(config.site, "_policy", breaks)
    page = "admin:percipio_openedx_test_connection" if name == "test" else "admin:percipio_openedx_overview"
    response = staff.get(reverse(page, args=[1] if name == "test" else []))
    assert response.status_code == 500
    assert ">Variable</th>" in mailed()
    assert [value for value in (TYPED, SECRET) if value in mailed()] == []
