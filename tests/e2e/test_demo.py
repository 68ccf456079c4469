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
from django.utils import timezone

from demo import report
from percipio_openedx.models import Statement
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


def a_free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


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


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_that_it_started(folder: Path, number: signal.Signals) -> None:
    process = demo(folder, "--port", str(a_free_port()), "--learners", "200")
    assert process.stdout is not None
    for line in process.stdout:
        if "A class of" in line:
            break
    until = time.monotonic() + PATIENCE
    # The sandbox, the worker with the processes of its pool, and whoever makes the class.
    while len(running(folder)) < 6 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(running(folder)) >= 6
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)

    assert process.returncode == 128 + number
    assert running(folder) == []


def _lines(path: Path, documents: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arrived", "records", "missing"),
    [([0, 1, 2, 3], 0, 0), ([0, 1, 3], 0, 1), ([0, 1], 1, 1), ([0, 1], 2, 0), ([], 0, 4), ([0, 1, 2, 3], 1, 0)],
)
def test_what_was_delivered_is_held_against_what_arrived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arrived: list[int], records: int, missing: int
) -> None:
    rows = [add(number) for number in range(6)]
    since = timezone.now()
    Statement.objects.filter(pk__in=[row.pk for row in rows[:4]]).update(
        state=State.DELIVERED, settled_at=since + timedelta(seconds=1)
    )
    # Of an earlier run, whose record is there or not.
    Statement.objects.filter(pk=rows[4].pk).update(state=State.DELIVERED, settled_at=since - timedelta(seconds=1))
    old = [{"id": str(rows[4].uuid)}]
    statements, track_records = tmp_path / "statements.jsonl", tmp_path / "track.jsonl"
    _lines(statements, old + [{"id": str(rows[number].uuid)} for number in arrived])
    if records:
        _lines(track_records, [{"status": "old"}] + [{"status": "started"}] * records)

    assert report.compare(since, statements, 1, track_records, 1 if records else 0) == missing
    said = capsys.readouterr().out
    assert ("never arrived" in said) is bool(missing)
