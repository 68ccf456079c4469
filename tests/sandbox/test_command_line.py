"""`python -m percipio_sandbox`, as a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from percipio_sandbox.cli import main
from percipio_sandbox.scenarios.catalog import SCENARIOS, describe_all
from tests.sandbox.sending import CREDENTIALS, VERSION, asked_for, send_json, statement

COMMAND = [sys.executable, "-W", "error", "-m", "percipio_sandbox"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command and yield its process and the line that it prints first."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_well(number: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "received.jsonl"
    with running("--scenario", "server-500:1", "--record", str(path), "--client", "academy:s3cret:demo") as (
        process,
        line,
    ):
        match = re.fullmatch(
            r"percipio sandbox at (?P<url>http://127\.0\.0\.1:\d+)/ token URL (?P<token>\S+) scenario server-500:1\n",
            line,
        )
        assert match is not None
        assert match["token"] == f"{match['url']}/oauth2-provider/token"
        headers = {"Authorization": f"Bearer {send_json(match['token'], CREDENTIALS).json['access_token']}", **VERSION}
        url = f"{match['url']}/content-aggregation/v1/partners/demo/statements"
        statuses = [send_json(url, statement(), headers).status for _ in range(2)]
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)

    assert (statuses, process.returncode, errors) == ([500, 200], 0, "")
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", said) for said in output.splitlines()] == [
        "POST /oauth2-provider/token 200",
        "POST /content-aggregation/v1/partners/demo/statements 500 items=1",
        "POST /content-aggregation/v1/partners/demo/statements 200 items=1",
    ]
    assert [json.loads(said) for said in path.read_text(encoding="utf-8").splitlines()] == [statement()]


def test_quiet_says_only_where_it_is() -> None:
    with running("--quiet", "--host", "0.0.0.0") as (process, line):
        match = re.match(r"percipio sandbox at http://0\.0\.0\.0:(?P<port>\d+)/ ", line)
        assert match is not None
        send_json(f"http://127.0.0.1:{match['port']}/oauth2-provider/token", CREDENTIALS)
        process.terminate()
        output, errors = process.communicate(timeout=20)

    assert (output, process.returncode) == ("", 0)
    assert errors == "warning: other machines can reach this sandbox and read what it holds\n"


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-scenarios"]) == 0
    assert capsys.readouterr().out == describe_all() + "\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--scenario", "nonsense"],
            f"unknown scenario 'nonsense'; known are {', '.join(SCENARIOS)} (see --list-scenarios)",
        ),
        (["--client", "hidden"], "a client is written ID:SECRET[:PARTNER[:ORGANIZATION...]]"),
        (["--keep", "0"], "argument --keep: must be a whole number above 0"),
        (["--max-batch", "x"], "argument --max-batch: must be a whole number above 0"),
        (["--port", "70000"], "bind(): port must be 0-65535."),
    ],
)
def test_a_mistake_ends_with_2_and_a_message(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: {message}\n")


def test_a_record_that_cannot_be_written_ends_with_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--record", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("cannot start: [Errno 21] Is a directory")


def test_a_further_name() -> None:
    with running("--name", "percipio.test") as (_, line):
        port = int(line.partition("http://127.0.0.1:")[2].partition("/")[0])
        assert [asked_for(port, host) for host in ("percipio.test", "other.test")] == [200, 421]
