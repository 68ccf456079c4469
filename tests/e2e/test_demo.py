"""``make demo``: whom it reports to, what it says at its end, and that nothing of it is left running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.contrib.sites.models import Site
from django.utils import timezone
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from demo.journals import Journal, compare, show_received
from demo.learning import destinations
from demo.ports import free_ports
from percipio_openedx.models import Account, Statement
from percipio_openedx.models.statement import State
from tests.integration.delivery.rows import add

ROOT = Path(__file__).parents[2]
PATIENCE = 90


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The demo's own folder; whatever still runs there in the end is ended."""
    yield tmp_path
    for pid in running(tmp_path):
        os.kill(pid, signal.SIGKILL)


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PERCIPIO_", "DEMO_"))}
    environment |= {"DEMO_VAR": str(folder), "PYTHONUNBUFFERED": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, str(ROOT / "demo" / "run.py"), "--record", str(folder / "received.jsonl"), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def running(folder: Path) -> list[int]:
    """The processes that were told of this folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            reported = (each / "environ").read_bytes()
        except OSError:
            continue
        if f"DEMO_VAR={folder}\0".encode() in reported and int(each.name) != os.getpid():
            found.append(int(each.name))
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_somebody_else_holds_is_noticed(folder: Path, host: str) -> None:
    with socket.create_server((host, 0)) as stranger:
        port = stranger.getsockname()[1]
        process = demo(folder, "--port", str(port))
        said, _ = process.communicate(timeout=PATIENCE)
        stranger.settimeout(0.2)
        with pytest.raises(TimeoutError):
            stranger.accept()

    assert process.returncode != 0
    assert f"port {port}, which the sandbox needs, cannot be had" in said
    assert "delivered" not in said
    assert running(folder) == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("is_serving", [False, True])
def test_a_signal_ends_everything_that_it_started(folder: Path, is_serving: bool) -> None:
    number = signal.SIGHUP if is_serving else signal.SIGTERM
    port = free_ports(2)
    size = ["--learners", "1", "--serve", "--lms-port", str(free_ports())] if is_serving else ["--learners", "200"]
    process = demo(folder, "--port", str(port), *size)
    assert process.stdout is not None
    for line in process.stdout:
        if ("Starting the lms" if is_serving else "A class of") in line:
            break
    until = time.monotonic() + PATIENCE
    # The demo, its sandboxes, the worker with the processes of its pool, and whoever makes the class, or the LMS.
    while len(running(folder)) < 7 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(running(folder)) >= 7
    if is_serving:
        a_press_arrives(f"http://127.0.0.1:{size[-1]}/class", f"http://127.0.0.1:{port}/_sandbox/statements")
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)

    assert process.returncode == 128 + number
    assert running(folder) == []


def a_press_arrives(page: str, statements: str) -> None:
    """Let a learner of the class page finish a unit, as a browser does: the worker reports it by itself."""
    until = time.monotonic() + PATIENCE
    with requests.Session() as browser:
        browser.mount("http://", HTTPAdapter(max_retries=Retry(connect=60, backoff_factor=0.2, backoff_max=1)))
        browser.get(page, timeout=PATIENCE).raise_for_status()
        form = {"seat": "2", "act": "unit", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert "Watch it arrive" in browser.post(page, form, timeout=PATIENCE).text
        arrived = ""
        while "progressed" not in arrived and time.monotonic() < until:
            time.sleep(0.2)
            lines = browser.get(statements, timeout=PATIENCE).text.splitlines()
            arrived = "".join(line for line in lines if "learner-0-0002" in line)
    assert "progressed" in arrived


def journal(path: Path, entries: list[tuple[str, dict[str, Any]]], region: str = "us", before: int = 0) -> Journal:
    """A sandbox's file of what arrived, each with the partner."""
    lines = [
        {"partner": partner, "kind": "track" if "status" in body else "statement", "body": body}
        for partner, body in entries
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return Journal(region, path, before)


def a_statement(uuid: object = "", email: str = "stranger@example.com", course: str = "AcademyX+C1") -> dict[str, Any]:
    verb = {"display": {"en-US": "completed"}}
    return {"id": str(uuid), "actor": {"mbox": f"mailto:{email}"}, "verb": verb, "object": {"id": f"course:{course}"}}


def a_record(email: str = "stranger@example.com", course: str = "WorkshopX+C1") -> dict[str, Any]:
    return {"status": "started", "user": email, "content_id": f"course:{course}"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arrived", "records", "missing"),
    [([0, 1, 2, 3], 0, 0), ([0, 1, 3], 0, 1), ([0, 1], 1, 1), ([0, 1], 2, 0), ([], 0, 4), ([0, 1, 2, 3], 1, 0)],
)
def test_what_was_delivered_is_held_against_what_arrived(
    tmp_path: Path,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
    arrived: list[int],
    records: int,
    missing: int,
) -> None:
    settings.PERCIPIO_PARTNER_NAME = "academy"
    rows = [add(number) for number in range(6)]
    since = timezone.now()
    Statement.objects.filter(pk__in=[row.pk for row in rows[:4]]).update(
        state=State.DELIVERED, settled_at=since + timedelta(seconds=1)
    )
    # Of an earlier run, whose record is there or not.
    Statement.objects.filter(pk=rows[4].pk).update(state=State.DELIVERED, settled_at=since - timedelta(seconds=1))
    bodies = [a_statement(rows[4].uuid), *(a_statement(rows[number].uuid) for number in arrived)]
    everything = [*bodies, *[a_record()] * records]
    kept = journal(tmp_path / "journal.jsonl", [("academy", body) for body in everything], before=1)

    assert compare(since, [kept]) == missing
    said = capsys.readouterr().out
    assert ("never arrived" in said) is bool(missing)
    assert "Each partner's record holds its own learners only." in said


@pytest.mark.django_db
def test_what_arrived_at_another_partner_is_missing(tmp_path: Path, settings: Any) -> None:
    settings.PERCIPIO_PARTNER_NAME = "academy"
    row = add(1)
    Statement.objects.filter(pk=row.pk).update(state=State.DELIVERED, settled_at=timezone.now())
    arrived = journal(tmp_path / "journal.jsonl", [("another", a_statement(row.uuid))])

    assert compare(timezone.now() - timedelta(minutes=1), [arrived]) == 1


def test_items_of_the_catalog_are_shown_and_are_nobodys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = journal(tmp_path / "journal.jsonl", [("academy", a_statement(1)), ("academy", a_record())])
    items = [{"content_id": f"course:A+{number % 2}", "title": "Safety"} for number in range(3)]
    lines = [json.dumps({"partner": "academy", "kind": "content", "body": item}) + "\n" for item in items]
    kept.path.write_text(kept.path.read_text("utf-8") + "".join(lines), "utf-8")

    show_received([kept])
    shown = [line.split() for line in capsys.readouterr().out.splitlines() if "item of the catalog" in line]
    assert shown == [["us", "academy", "item", "of", "the", "catalog", "2", "3"]]
    assert [entry.is_strangers for entry in kept.entries() if entry.is_item] == [False] * 3


def test_no_real_percipio_is_sent_the_demos_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    # It puts the project's folder in front, as a program.
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    from demo import run

    for given, is_sent in (("", "true"), ("https://api.develop.squads-dev.com", None)):
        monkeypatch.setattr(sys, "argv", ["run.py"])
        monkeypatch.delenv("PERCIPIO_API_URL", raising=False)
        if given:
            monkeypatch.setenv("PERCIPIO_API_URL", given)
        assert run._environment(run._arguments()).get("PERCIPIO_CATALOG_PUSH") == is_sent


BIRCH, CEDAR, NOBODY = (f"learner-7-{number:04}@example.com" for number in (3, 4, 5))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("region", "partner", "email", "course", "is_own"),
    [
        ("us", "demo-birch", BIRCH, "CampusX+C1", True),
        ("eu", "demo-cedar", CEDAR, "CampusX+C1", True),
        ("us", "demo-academy", NOBODY, "AcademyX+C1", True),
        ("us", "demo-academy", "operator@example.com", "CampusX+C1", True),
        ("us", "demo-birch", CEDAR, "CampusX+C1", False),
        ("us", "demo-cedar", CEDAR, "CampusX+C1", False),
        ("eu", "demo-birch", BIRCH, "CampusX+C1", False),
        ("us", "demo-birch", NOBODY, "CampusX+C1", False),
        ("us", "demo-academy", NOBODY, "CampusX+C1", False),
        ("us", "demo-academy", BIRCH, "CampusX+C1", False),
        ("us", "demo-birch", BIRCH, "AcademyX+C1", False),
    ],
)
@pytest.mark.parametrize("is_track", [False, True])
def test_a_learner_who_is_not_the_partners_own_is_seen(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    region: str,
    partner: str,
    email: str,
    course: str,
    is_own: bool,
    is_track: bool,
) -> None:
    body = a_record(email, course) if is_track else a_statement(1, email, course)
    kept = journal(tmp_path / "journal.jsonl", [(partner, body)], region, before=1)

    assert compare(timezone.now(), [kept]) == (0 if is_own else 1)
    assert (f"{email} in course:{course} at {partner}, {region}" in capsys.readouterr().out) is not is_own


@pytest.mark.django_db
def test_each_customer_has_an_account_that_follows_the_addresses(settings: Any) -> None:
    settings.DEMO_OTHER_REGION_URL = "http://127.0.0.1:8001"
    for url in ("http://127.0.0.1:8000", "http://127.0.0.1:9000", "http://127.0.0.1:9000"):
        settings.PERCIPIO_REGION, settings.PERCIPIO_API_URL = "custom", url
        settings.PERCIPIO_TOKEN_URL = f"{url}/token"
        Site.objects.update_or_create(pk=2, defaults={"domain": "campus.demo.local", "name": "Demo Campus"})
        Site.objects.update_or_create(pk=3, defaults={"domain": "workshop.demo.local", "name": "Demo Workshop"})
        destinations.add_accounts()

    rows = {row.name: row for row in Account.in_order([2])}
    assert {name: (row.api_url, row.token_url) for name, row in rows.items()} == {
        "birch": ("http://127.0.0.1:9000", "http://127.0.0.1:9000/token"),
        "cedar": ("http://127.0.0.1:8001", "http://127.0.0.1:8001/oauth2-provider/token"),
    }
    assert [row.client_secret.reveal() for row in rows.values()] == ["demo-birch-secret", "demo-cedar-secret"]
    assert Account.objects.count() == 3
