"""A day of an operator and of a pull client at the LMS, and then every log, page, mail, table and cache of it.

The LMS writes the parameters of every request into its tracking log, which Tutor's sites also have on the console and
in ``all.log``. No secret, no token and no key stands there, nor whom operators and pull clients asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.urls import reverse

from percipio_openedx import config, encryption
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import Destination, LearnerCourse, PercipioConfiguration
from percipio_openedx.operations import alerts
from percipio_openedx.settings.common import PULL_SCOPE
from percipio_sandbox import Sandbox
from tests.integration import dump
from tests.integration.admin.forms import ADD, hidden
from tests.integration.admin.world import a_world
from tests.integration.builders import KEY, a_learner
from tests.integration.lrs.rows import SECRET as PULL_SECRET
from tests.integration.lrs.rows import a_client
from tests.integration.operations.conftest import command

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

SECRET, MISTYPED = "canary-typed-4c71d0", "canary-mistyped-8a20ff"
KEYS = ["canary-key-newest-d1b7e6a3", "canary-key-older-90cc42f8"]
LMS_KEY = "canary-secret-key-of-the-lms-5e18"
PASSWORD = "canary-password-of-the-operator"
NAME, EMAIL, USERNAME = "Zebulon Quartermaine", "zq@private.example", "zebulon9"
ASKED_FOR = (NAME, "Quartermaine", EMAIL, "zq%40private.example", USERNAME)


@dataclass
class Day:
    """What came of it: the pages that were answered, the tokens that were in use, and what was logged."""

    log: Callable[..., str]
    pages: list[str] = field(default_factory=list)
    bearers: set[str] = field(default_factory=set)

    def answered(self, response: Any) -> Any:
        """Keep a page."""
        assert response.status_code in (200, 302, 401), response.content
        self.pages.append(response.content.decode())
        return response

    def secrets(self) -> list[str]:
        """Everything that must not stand anywhere, the keys also as they are derived."""
        derived = [base64.urlsafe_b64encode(encryption._derived(key.encode())).decode() for key in [*KEYS, LMS_KEY]]
        return [SECRET, MISTYPED, PULL_SECRET, *KEYS, LMS_KEY, *derived, *self.bearers]


@pytest.fixture
def day(arriving: Sandbox, settings: Any, every_log: Callable[..., str]) -> Any:
    """Everything that somebody does who sets a site up, looks after it, and reads from it."""
    settings.PERCIPIO_ENCRYPTION_KEYS, settings.SECRET_KEY = KEYS, LMS_KEY
    settings.PERCIPIO_ALERT_EMAILS = ["operators@example.com"]
    tokens._memory.clear()
    world = a_world()
    LearnerCourse.objects.update(sequence=100)
    Destination.objects.update(organization="academy")  # the world's own cannot stand in an address
    a_learner(USERNAME, name=NAME, email=EMAIL)
    get_user_model().objects.create_superuser("root", "root@example.com", PASSWORD)
    found = Day(every_log)
    _operate(found, Client(), arriving)
    deliver_due(world.now)
    found.bearers = {token.value.reveal() for token in tokens._memory.values()}
    arriving.set_scenario("token-refused:9")
    alerts.check(at_once=True)
    _pull(found, Client())
    for name in ("percipio_doctor", "percipio_run", "percipio_metrics"):
        ran = command(name, *(["--online"] if name == "percipio_doctor" else []))
        found.pages.append(ran.out + ran.err)
    yield found
    tokens._memory.clear()


def _operate(day: Day, client: Client, sandbox: Sandbox) -> None:
    searching = reverse("admin:percipio_openedx_statement_changelist") + f"?q={EMAIL}"
    asked = day.answered(client.get(searching))
    # The way by the login repeats the address that was asked for.
    day.answered(client.get(asked.url))
    day.answered(client.post(asked.url, {"username": "root", "password": PASSWORD}))
    form = {
        "site": "1",
        "enabled": "on",
        "partner_name": "acme",
        "client_id": "acme-client",
        "region": "custom",
        "api_url": sandbox.url,
        "token_url": sandbox.token_url,
        "send_names": "unknown",
        # Something that is reported otherwise, so that the page shows what it means first.
        "progress_step": "9",
    }
    day.answered(client.post(reverse(ADD), {**form, "new_password": MISTYPED, "timeout": "0"}))
    shown = client.post(reverse(ADD), {**form, "new_password": SECRET})
    day.answered(shown)
    day.answered(client.post(reverse(ADD), {**form, **hidden(shown), "new_password": SECRET}))
    row = PercipioConfiguration.newest(1)
    assert row is not None and row.client_secret.reveal() == SECRET
    day.answered(client.get(reverse(ADD), {"source": row.pk}))
    day.answered(client.post(reverse("admin:percipio_openedx_test_connection", args=[1])))
    listed = reverse("admin:percipio_openedx_percipioconfiguration_changelist")
    day.answered(client.get(listed))
    day.answered(client.post(listed, {"action": "revert", "_selected_action": [row.pk]}, follow=True))
    for address, query in (
        (searching.partition("?")[0], {"q": NAME}),
        (reverse("admin:percipio_openedx_learner"), {"q": EMAIL, "course": "CS101"}),
        (reverse("admin:percipio_openedx_preview"), {"learner": USERNAME, "course": KEY, "afresh": "1"}),
    ):
        client.get(address, query)
    day.answered(client.get(reverse("admin:percipio_openedx_overview") + "?fresh"))


def _pull(day: Day, client: Client) -> None:
    application = a_client()
    basic = base64.b64encode(f"{application.client_id}:{PULL_SECRET}".encode()).decode()
    given = {"grant_type": "client_credentials", "scope": PULL_SCOPE}
    token = client.post("/oauth2/access_token", given, headers={"Authorization": f"Basic {basic}"}).json()
    headers = {"Authorization": f"Bearer {token['access_token']}", "X-Experience-API-Version": "1.0.3"}
    asked = {"agent": json.dumps({"mbox": f"mailto:{EMAIL}"})}
    day.answered(client.get("/percipio/xapi/statements", asked, headers=headers))


def found_in(text: str, values: list[str]) -> list[str]:
    return [value for value in values if value in text]


@pytest.mark.slow
def test_it_was_a_day_with_everything_in_it(day: Day) -> None:
    found = config.for_site(1)
    assert found is not None and found.client_secret.reveal() == SECRET
    assert day.bearers and mail.outbox
    assert "The connection works." in "".join(day.pages)
    # The tracking log is there, and tells of the operator's other requests.
    assert '"name": "/oauth2/access_token"' in day.log()


def test_the_logs(day: Day) -> None:
    assert found_in(day.log(), [*day.secrets(), PASSWORD]) == []
    # At DEBUG, Django's templates write down all that a page was made of; that is their purpose.
    assert found_in(day.log(without="django.template"), list(ASKED_FOR)) == []


@pytest.mark.slow
def test_the_secret_is_masked_even_where_the_lms_leaves_nothing_out(day: Day, settings: Any) -> None:
    settings.TRACKING_IGNORE_URL_PATTERNS = []
    client = Client()
    client.force_login(get_user_model().objects.get(username="root"))
    client.post(reverse(ADD), {"site": "1", "client_id": "acme-client", "new_password": SECRET, "timeout": "0"})

    assert '\\"client_id\\": [\\"acme-client\\"]' in day.log()
    assert found_in(day.log(), day.secrets()) == []


@pytest.mark.slow
def test_the_pages_and_what_the_commands_said(day: Day) -> None:
    assert found_in("".join(day.pages), [*day.secrets(), PASSWORD]) == []


@pytest.mark.slow
def test_the_mails(day: Day) -> None:
    assert found_in("".join(one.subject + one.body for one in mail.outbox), day.secrets()) == []


@pytest.mark.slow
def test_every_column_of_every_table(day: Day) -> None:
    found = {
        (table, column, value)
        for table, column, kept in dump.tables()
        for value in day.secrets()
        if value.encode() in kept
    }
    # The platform's own: it keeps the secret of a pull client's application as its library does.
    assert {(table, column) for table, column, _ in found} <= {("oauth2_provider_application", "client_secret")}
    assert {value for _table, _column, value in found} <= {PULL_SECRET}


@pytest.mark.slow
def test_the_cache(day: Day) -> None:
    kept = list(dump.cached())
    assert any("percipio_openedx:token" in key for key, _value in kept)
    assert [key for key, value in kept if found_in(f"{key} {value.decode('latin-1')}", day.secrets())] == []


@pytest.mark.slow
def test_the_admin_s_log_of_what_operators_did(day: Day) -> None:
    entries = str(list(LogEntry.objects.values_list("object_repr", "change_message")))
    assert len(entries) > 20
    assert found_in(entries, day.secrets()) == []
