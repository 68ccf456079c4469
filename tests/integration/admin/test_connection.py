"""The test of the connection: each cause of trouble gets its own mend, and nothing is stored anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from percipio_openedx import config
from percipio_openedx.delivery import tokens
from percipio_openedx.models import DeliveryAttempt
from percipio_openedx.operations import connection_check
from percipio_openedx.operations.checks import CheckResult, CheckVerdict
from percipio_openedx.settings.common import DEFAULTS
from percipio_sandbox import Sandbox

SECRET = "canary-of-the-test-9b21"
NAMES = ("reach", "clock", "token", "read", "write")


@pytest.fixture(autouse=True)
def _forget_connections() -> Iterator[None]:
    tokens._memory.clear()
    yield
    tokens._memory.clear()


class Answers(BaseHTTPRequestHandler):
    """A Percipio whose every answer is written down beforehand, by step."""

    script: dict[str, tuple[int, bytes]] = {}
    date: datetime | str | None = None
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        step = "token" if self.path == "/token" else "write" if self.command == "POST" else "read"
        if self.path.endswith("/organizations/org-7/content"):
            step = "catalog"
        if step == "read" and "Authorization" not in self.headers:
            step = "reach"
        status, body = self.script[step]
        self.send_response_only(status)
        if self.date is not None:
            date = self.date if isinstance(self.date, str) else format_datetime(self.date, usegmt=True)
            self.send_header("Date", date)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_: Any) -> None:
        """Nothing."""


WELL = {
    "reach": (401, b"{}"),
    "token": (200, b'{"access_token": "canary-token-1234"}'),
    "read": (200, b'{"statements": []}'),
    "write": (400, b'{"error": "empty"}'),
    "catalog": (400, b'{"error": "content_id is missing"}'),
}


@pytest.fixture
def examined() -> Iterator[Callable[..., dict[str, CheckResult]]]:
    """Test the connection to a server with this script; the steps by name."""
    servers = []

    def examine(
        script: dict[str, tuple[int, bytes]] | None = None, date: datetime | None = None, **values: Any
    ) -> dict[str, CheckResult]:
        handler = type("Scripted", (Answers,), {"script": {**WELL, **(script or {})}, "date": date})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_address[1]}"
        return steps_of({"api_url": root, "token_url": f"{root}/token", **values})

    yield examine
    for server in servers:
        server.shutdown()
        server.server_close()


def steps_of(values: dict[str, Any]) -> dict[str, CheckResult]:
    given = {name: DEFAULTS[f"PERCIPIO_{name.upper()}"] for name in config.FIELDS}
    given.update(partner_name="acme", organization_id="org-7", client_id="acme-client", client_secret=SECRET, timeout=2)
    given["learners"] = "all"
    found = connection_check.examine(config.build(1, {**given, "region": "custom", **values}))
    assert SECRET not in str(found)
    assert "canary-token" not in str(found)
    names = (*NAMES, "catalog") if given.get("catalog") or values.get("catalog") else NAMES
    return dict(zip(names, found, strict=True))


def verdicts(steps: dict[str, CheckResult]) -> dict[str, str]:
    return {name: step.verdict for name, step in steps.items()}


def test_a_connection_that_works(examined: Callable[..., dict[str, CheckResult]]) -> None:
    steps = examined(date=datetime.now(UTC))

    assert verdicts(steps) == dict.fromkeys(NAMES, "well")
    assert connection_check.is_well(list(steps.values()))


@pytest.mark.parametrize(
    ("step", "status", "mend"),
    [
        ("reach", 407, "HTTPS_PROXY"),
        ("reach", 302, "Check the region"),
        ("token", 401, "The client id or the client secret is wrong, or they belong to another region"),
        ("token", 400, "The client id or the client secret is wrong, or they belong to another region"),
        ("token", 404, "not Percipio's token endpoint"),
        ("token", 429, "asks for a pause"),
        ("token", 503, "problems of its own"),
        ("token", 200, "not Percipio's token endpoint"),
        ("read", 401, "must belong to the same region"),
        ("read", 403, "CONTENT_AGGREGATION, for the partner acme"),
        ("read", 404, "does not know the partner acme, or the organization org-7"),
        ("read", 429, "asks for a pause"),
        ("read", 500, "problems of its own"),
        ("read", 302, "Check the region"),
        ("write", 403, "CONTENT_AGGREGATION"),
        ("write", 404, "does not know the partner"),
        ("write", 407, "HTTPS_PROXY"),
    ],
)
def test_each_failure_has_its_mend(
    examined: Callable[..., dict[str, CheckResult]], step: str, status: int, mend: str
) -> None:
    steps = examined({step: (status, b'{"error": "no"}')}, date=datetime.now(UTC))

    assert steps[step].verdict is CheckVerdict.WRONG
    assert mend in steps[step].fix
    after = [name for name in NAMES[NAMES.index(step) + 1 :] if name != "clock"]
    assert all(steps[name].verdict is CheckVerdict.SKIPPED for name in after)
    assert not connection_check.is_well(list(steps.values()))


@pytest.mark.parametrize(
    ("script", "wrong"),
    [
        ({}, {}),
        ({"catalog": (403, b"{}")}, {"catalog": "CONTENT_IMPORT, for the partner acme"}),
        ({"read": (403, b"{}")}, {"read": "CONTENT_AGGREGATION, for the partner acme"}),
        ({"write": (403, b"{}")}, {"write": "CONTENT_AGGREGATION, for the partner acme"}),
        (
            {"write": (403, b"{}"), "catalog": (403, b"{}")},
            {"write": "CONTENT_AGGREGATION", "catalog": "CONTENT_IMPORT"},
        ),
        ({"catalog": (404, b"{}")}, {"catalog": "or the organization org-7"}),
        ({"catalog": (200, b"<html>Sign in</html>")}, {"catalog": "Check the region"}),
    ],
)
def test_each_permission_is_judged_by_itself(
    examined: Callable[..., dict[str, CheckResult]], script: dict[str, tuple[int, bytes]], wrong: dict[str, str]
) -> None:
    steps = examined(script, date=datetime.now(UTC), catalog="chosen", catalog_push=True)

    assert {name for name, step in steps.items() if step.verdict is CheckVerdict.WRONG} == set(wrong)
    assert all(words in steps[name].fix for name, words in wrong.items())
    assert connection_check.is_well(list(steps.values())) is not bool(wrong)


@pytest.mark.parametrize(("push", "verdict"), [(True, "wrong"), (False, "doubtful")])
def test_a_catalog_without_an_organization_is_not_tried(
    examined: Callable[..., dict[str, CheckResult]], push: bool, verdict: str
) -> None:
    given = {"catalog": "all visible", "catalog_push": push, "organization_id": ""}
    steps = examined({"catalog": (200, b"{}")}, date=datetime.now(UTC), **given)

    assert verdicts(steps) == {**dict.fromkeys(NAMES, "well"), "catalog": verdict}
    assert "PERCIPIO_ORGANIZATION_ID" in steps["catalog"].fix


@pytest.mark.parametrize(
    ("denied", "wrong"),
    [
        (("acme-client:CONTENT_IMPORT",), {"catalog"}),
        (("acme-client:CONTENT_AGGREGATION",), {"read"}),
        ((), set()),
    ],
)
def test_the_sandbox_judges_the_permission_first_and_stores_nothing(denied: tuple[str, ...], wrong: set[str]) -> None:
    pushing = {"catalog": "chosen", "catalog_push": True}
    with Sandbox(clients=[f"acme-client:{SECRET}:acme:org-7"], deny=denied) as sandbox:
        steps = steps_of({"api_url": sandbox.url, "token_url": sandbox.token_url, **pushing})

        assert {name for name, step in steps.items() if step.verdict is CheckVerdict.WRONG} == wrong
        assert (sandbox.content, sandbox.statements) == ([], [])


def test_a_page_instead_of_an_answer(examined: Callable[..., dict[str, CheckResult]]) -> None:
    steps = examined({"read": (200, b"<html>Sign in</html>")})

    assert (steps["read"].verdict, steps["read"].seen) == ("wrong", "200, but not an answer of Percipio's")


def test_reading_that_is_not_offered_does_no_harm(examined: Callable[..., dict[str, CheckResult]]) -> None:
    steps = examined({"read": (405, b"")}, date=datetime.now(UTC))

    assert verdicts(steps) == {**dict.fromkeys(NAMES, "well"), "read": "doubtful"}
    assert connection_check.is_well(list(steps.values()))


def test_the_track_api_is_tried_with_an_empty_record(examined: Callable[..., dict[str, CheckResult]]) -> None:
    steps = examined(date=datetime.now(UTC), api="track")

    assert verdicts(steps) == {**dict.fromkeys(NAMES, "well"), "read": "skipped"}


@pytest.mark.parametrize(
    ("ahead", "verdict", "words"),
    [
        (timedelta(minutes=10), "doubtful", "behind Percipio's"),
        (timedelta(minutes=-10), "doubtful", "ahead of Percipio's"),
        (timedelta(seconds=-30), "well", "of Percipio's"),
        (None, "skipped", "does not say what time"),
    ],
)
def test_the_clock(
    examined: Callable[..., dict[str, CheckResult]], ahead: timedelta | None, verdict: str, words: str
) -> None:
    steps = examined(date=None if ahead is None else datetime.now(UTC) + ahead)

    assert steps["clock"].verdict == verdict
    assert words in steps["clock"].seen
    assert ("NTP" in steps["clock"].fix) == (verdict == "doubtful")


def test_a_page_is_no_permission_to_write(examined: Callable[..., dict[str, CheckResult]]) -> None:
    steps = examined({"write": (200, b"<html>Sign in</html>")}, date=datetime.now(UTC))

    assert steps["write"].verdict is CheckVerdict.WRONG
    assert (steps["write"].seen, "region" in steps["write"].fix) == ("200, but not an answer of Percipio's", True)


@pytest.mark.parametrize(
    ("date", "verdict"),
    [
        ("soon", "skipped"),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "skipped"),
        ("Fri, 31 Dec 9999 23:59:59 -2359", "doubtful"),
        ("Mon, 01 Jan 0001 00:00:00 +2359", "doubtful"),
        ("Mon, 99 Jan 2026 00:00:00 GMT", "skipped"),
        ("Mon, 01 Jan 2026 00:00:00 +999999", "skipped"),
    ],
)
def test_an_absurd_date_breaks_nothing(
    examined: Callable[..., dict[str, CheckResult]], date: str, verdict: str
) -> None:
    steps = examined(date=date)

    assert verdicts(steps) == {**dict.fromkeys(NAMES, "well"), "clock": verdict}


def test_a_server_that_is_not_there() -> None:
    steps = steps_of({"api_url": "http://127.0.0.1:9", "token_url": "http://127.0.0.1:9/token"})

    assert verdicts(steps) == {**dict.fromkeys(NAMES, "skipped"), "reach": "wrong"}
    assert "No connection to 127.0.0.1" in steps["reach"].fix


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    steps = steps_of({"api_url": "http://127.0.0.1:10", "token_url": "http://127.0.0.1:10/token"})

    assert "HTTPS_PROXY" in steps["reach"].fix


def test_a_certificate_that_nobody_knows(examined: Callable[..., dict[str, CheckResult]]) -> None:
    """TLS is spoken to a server that speaks none."""
    plain = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=plain.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        root = f"https://127.0.0.1:{plain.server_address[1]}"
        steps = steps_of({"api_url": root, "token_url": f"{root}/token"})
    finally:
        plain.shutdown()
        plain.server_close()

    assert "certificate" in steps["reach"].fix


# --- the page --------------------------------------------------------------------------------------------------------


def url(site_id: int = 1) -> str:
    return reverse("admin:percipio_openedx_test_connection", args=[site_id])


def test_the_page_tests_on_post_only_and_writes_it_down(arriving: Sandbox, operator: Callable[..., Client]) -> None:
    client = operator("test_percipioconfiguration")
    client.get(url())
    assert arriving.requests == []

    response = client.post(url())
    page = response.content.decode()

    assert response.context["is_well"], response.context["steps"]
    assert "The connection works." in page
    assert "canary-secret" not in page
    assert (arriving.statements, DeliveryAttempt.objects.count()) == ([], 0)
    entry = LogEntry.objects.get()
    assert (entry.object_id, "Statements can be written: well" in entry.change_message) == ("1", True)


def test_the_page_takes_its_permission(arriving: Sandbox, viewer: Client, operator: Callable[..., Client]) -> None:
    assert viewer.post(url()).status_code == 403
    assert operator("test_percipioconfiguration", name="other").get(url(999)).status_code == 404
    assert arriving.requests == []


def test_the_page_says_what_is_wrong_with_the_configuration(reporting: Any, everything: Client) -> None:
    reporting.PERCIPIO_CLIENT_SECRET = ""

    assert "PERCIPIO_CLIENT_SECRET is empty" in everything.post(url()).content.decode()


def test_the_wrong_secret_on_the_page(arriving: Sandbox, everything: Client) -> None:
    arriving.set_scenario("token-refused")
    page = everything.post(url()).content.decode()

    assert "The connection does not work yet." in page
    assert "The client id or the client secret is wrong" in page
