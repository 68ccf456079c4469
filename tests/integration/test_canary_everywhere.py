"""A Percipio that echoes all that it was sent, and then every page, command and figure: no secret and no token shows.

Who may see learners in the admin sees their names there; commands, figures and refusals name nobody.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.core.management import get_commands
from django.test import Client
from django.urls import reverse

from percipio_openedx.catalog.push import push_due
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import (
    CatalogEntry,
    Destination,
    ErasureRequest,
    LearnerCourse,
    PercipioConfiguration,
    Statement,
)
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts, sites
from percipio_openedx.reporting import report_due
from percipio_sandbox.clients import bearer_token
from tests.integration.admin.test_pages import pages
from tests.integration.admin.world import a_world
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.delivery.test_canary import database
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import SECRET as PULL_SECRET
from tests.integration.lrs.rows import a_client, token_of
from tests.integration.operations.conftest import command

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

SECRET = "canary-secret-2b7e1f"
TOKEN = "canary-token-9c03aa"
SCRAPER = "canary-scraper-71d5"
NAME, EMAIL, USERNAME = "Zebulon Quartermaine", "zq@private.example", "zebulon9"
PERSONAL = (NAME, "Quartermaine", EMAIL, USERNAME)


class Echo(BaseHTTPRequestHandler):
    """Answers everything with what it was asked, and the token endpoint with a token if it is to give one."""

    gives_tokens = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path.endswith("/token") and self.gives_tokens:
            self._answer(200, {"access_token": TOKEN, "expires_in": 3600})
        else:
            said = {
                "request": body,
                "headers": dict(self.headers),
                "token": bearer_token(self.headers["Authorization"] or ""),
            }
            self._answer(
                401 if self.path.endswith("/token") else 400, {"message": f"no: {body} {self.headers}", **said}
            )

    def do_GET(self) -> None:
        self._answer(500, {"message": f"{self.path} {self.headers}"})

    def _answer(self, status: int, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(params=[True, False], ids=["refuses statements", "refuses the account"])
def trouble(request: pytest.FixtureRequest, reporting: Any) -> Iterator[Any]:
    """A site's life with such a Percipio; then everybody who may be told of it."""
    handler = type("Echoing", (Echo,), {"gives_tokens": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_address[1]}"
    reporting.PERCIPIO_API_URL, reporting.PERCIPIO_TOKEN_URL = root, f"{root}/token"
    reporting.PERCIPIO_CLIENT_SECRET = SECRET
    reporting.PERCIPIO_METRICS_TOKEN = SCRAPER
    tokens._memory.clear()

    world = a_world()
    LearnerCourse.objects.update(sequence=100)
    learner = a_learner(USERNAME, name=NAME, email=EMAIL)
    enrolled(learner, a_course("course-v1:DemoX+CS9+2026"))
    report_due()
    Statement.objects.filter(learner_course__user_id=learner.pk).update(due_at=world.now)
    deliver_due()
    reporting.PERCIPIO_CATALOG, reporting.PERCIPIO_CATALOG_PUSH = "all visible", True
    reporting.PERCIPIO_CATALOG_DURATION, reporting.PERCIPIO_CATALOG_LANGUAGE = 60, "en"
    reporting.PERCIPIO_ORGANIZATION_ID = "org-7"
    push_due(sites.reporting().values())
    alerts.check(at_once=True)
    ErasureRequest.objects.create(site_id=1, registrations=str(uuid4()), statements=1, erased_at=world.now)
    yield world
    server.shutdown()
    server.server_close()
    tokens._memory.clear()


def found_in(text: str, *values: str) -> list[str]:
    return [value for value in (SECRET, TOKEN, SCRAPER, PULL_SECRET, *values) if value in text]


def test_the_echo_was_there(trouble: Any) -> None:
    """The rest of this module looks for what has really come back."""
    parked = Statement.objects.filter(state=State.PARKED, answer__contains="no: ").first()
    paused = Destination.objects.exclude(last_error="").filter(last_error__contains="no: ").first()
    assert parked or paused


def test_pages(trouble: Any) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    PercipioConfiguration.objects.create(
        site=Site.objects.get(pk=1), enabled=True, partner_name="acme", client_id="acme-client", client_secret=SECRET
    )
    shown = {name: client.get(url) for name, (url, _) in pages(trouble).items()}
    assert CatalogEntry.objects.filter(answer__contains="no: ").exists()
    for entry in CatalogEntry.objects.all():
        change = reverse("admin:percipio_openedx_catalogentry_change", args=[entry.pk])
        shown[f"catalog entry {entry.pk}"] = client.get(change)
    for row in Statement.objects.all():
        shown[f"statement {row.pk}"] = client.get(reverse("admin:percipio_openedx_statement_change", args=[row.pk]))
    PercipioConfiguration.objects.all().delete()
    shown["trial"] = client.post(reverse("admin:percipio_openedx_test_connection", args=[1]))
    typed = {"site": "1", "client_id": "x", "new_password": SECRET, "api_url": "https://10.0.0.1", "region": "mars"}
    shown["mistakes"] = client.post(reverse("admin:percipio_openedx_percipioconfiguration_add"), typed)
    for action in ("requeue", "discard"):
        listed = reverse("admin:percipio_openedx_statement_changelist")
        chosen = list(Statement.objects.filter(state=State.PARKED).values_list("pk", flat=True))
        shown[action] = client.post(listed, {"action": action, "_selected_action": chosen}, follow=True)

    assert {name: response.status_code for name, response in shown.items()} == dict.fromkeys(shown, 200)
    assert {name: found_in(response.content.decode()) for name, response in shown.items()} == {
        name: [] for name in shown
    }


# ``FOLDER`` stands for a new one.
FOLDER = "FOLDER"
LISTS = ["--category-type", "Course", "--asset-type", "Course", "--status", "Completed"]
CALLS: dict[str, list[list[str]]] = {
    "percipio_accounts": [[]],
    "percipio_backfill": [["--dry-run"], []],
    "percipio_catalog": [["list"], ["diff"], ["push"]],
    "percipio_courses": [["export"]],
    "percipio_doctor": [[], ["--online"], ["--support"], ["--support", "--online"]],
    "percipio_erasures": [[], ["--all"]],
    # Its files hold learners, and are what was asked for; what it says holds none.
    "percipio_export": [["completions", FOLDER, *LISTS]],
    "percipio_metrics": [[]],
    "percipio_preview": [[USERNAME, KEY, "--afresh"]],
    "percipio_prune": [["--dry-run"]],
    "percipio_reconcile": [[]],
    "percipio_retry": [["--parked", "--dry-run"], ["--now"]],
    "percipio_run": [[]],
}
# Shows the statement that would be sent, to whoever asks for a learner by name.
SHOWS_LEARNERS = {"percipio_preview"}
# With --json, a line for each: none here.
LISTS_NOTHING = {"percipio_accounts", "percipio_courses"}


def test_every_command_is_called() -> None:
    assert set(CALLS) == {name for name, app in get_commands().items() if app == "percipio_openedx"}


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", CALLS)
def test_commands(trouble: Any, name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    for number, arguments in enumerate(CALLS[name]):
        for more in ([], ["--json"]):
            folder = tmp_path / f"{number}{''.join(more)}"
            folder.mkdir()
            given = [str(folder) if argument == FOLDER else argument for argument in arguments]
            ran = command(name, *given, *more)
            assert ran.out + ran.err or (more and name in LISTS_NOTHING)
            personal = () if name in SHOWS_LEARNERS else PERSONAL
            assert found_in(ran.out + ran.err, *personal) == [], (arguments, more)
    assert found_in(caplog.text, *PERSONAL) == []


def test_figures(trouble: Any, client: Client) -> None:
    for headers in ({"Authorization": f"Bearer {SCRAPER}"}, {"Authorization": f"Bearer {SECRET}"}, {}):
        response = client.get("/percipio/metrics", headers=headers)
        assert response.status_code in (200, 401)
        assert found_in(response.content.decode(), *PERSONAL) == []


def test_the_statement_resource(trouble: Any) -> None:
    application = a_client()
    puller = Puller(application)
    whole = puller.get()
    assert whole.status_code == 200
    assert found_in(whole.content.decode(), token_of(application)) == []

    refused = [
        puller.get({"agent": json.dumps({"mbox": f"mailto:{EMAIL}", "name": NAME})[:-2]}),
        puller.get({"statementId": NAME}),
        puller.get({NAME: EMAIL}),
        puller.get(headers={"Authorization": f"Bearer {SECRET}"}),
        puller.get({"more": f"{SECRET}.{EMAIL}"}),
    ]
    assert {response.status_code for response in refused} <= {400, 401, 404}
    for response in refused:
        personal = (EMAIL, token_of(application))
        assert found_in(response.content.decode(), *personal) == []


def test_the_tables(trouble: Any) -> None:
    """All of the plugin's but the statements' own bytes."""
    assert found_in(database(), *PERSONAL) == []
