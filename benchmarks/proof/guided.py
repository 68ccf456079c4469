"""Coverage-guided fuzzing of the pure readers by atheris (libFuzzer), which tries what reaches new lines of ours.

``python -m benchmarks.fuzz --engine atheris`` runs this once for each target: libFuzzer ends its process itself.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

STATUSES = (200, 201, 400, 401, 500)
# The fields of a configuration, in their order: nothing of the plugin may be imported before it is instrumented.
FIELDS = (
    *("region", "api_url", "token_url", "partner_name", "organization_id", "client_id", "client_secret", "api"),
    "send_skipped",
    *("learner_id", "learner_home_page", "organization_from", "learners", "modes", "send_names", "content_id"),
    *("catalog", "courses", "catalog_type", "catalog_duration", "catalog_language"),
    *("catalog_push", "catalog_interval", "catalog_patience", "launch_idp", "launch_enrolls"),
    *("milestones", "started_on", "completed_on", "retakes", "undone", "progress_step", "locked_units"),
    *("progress_from", "batch_size", "timeout"),
)


@dataclass(frozen=True)
class Reader:
    """How the bytes that libFuzzer makes become an input of a target, and a few to start from."""

    made_of: Callable[[bytes], Any]
    seeds: tuple[bytes, ...]


def _text(given: bytes) -> str:
    return given.decode("utf-8", "surrogateescape")


def _with_status(given: bytes) -> tuple[int, bytes]:
    return STATUSES[given[0] % len(STATUSES)] if given else 200, given[1:]


def _answer(given: bytes) -> tuple[int, bytes, str]:
    status, rest = _with_status(given)
    header, _, body = rest.partition(b"\n")
    return status, body, header.decode("latin-1")


def _pairs(given: bytes) -> list[tuple[str, str]]:
    # As Django reads a query: what is no UTF-8 arrives replaced.
    return parse_qsl(given.decode("latin-1"), keep_blank_values=True, errors="replace")


def _values(given: bytes) -> dict[str, Any]:
    """One value a line, in the order of the fields: JSON where it is JSON, else text."""
    lines = iter(_text(given).split("\n"))
    return {name: _value(next(lines, "")) for name in FIELDS}


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


READERS: dict[str, Reader] = {
    "207": Reader(
        bytes,
        (
            b'{"errors":[{"index":1,"status":400,"message":"no"}]}',
            b'[{"id":"52ab1f9e-7a8b-5d9a-8a0e-2f2b3c4d5e6f","status":"stored"},{"statusCode":409}]',
            b'{"stored":["a"],"failed":[{"statementId":"b","success":false}]}',
        ),
    ),
    "answers": Reader(_answer, (b"\x02120\n<html>no</html>", b'\x00Wed, 21 Oct 2026 07:28:00 GMT\n{"message":"no"}')),
    "token": Reader(_with_status, (b'\x00{"access_token":"abc","expires_in":3600,"token_type":"Bearer"}', b"\x02{}")),
    "csv": Reader(
        _text,
        (
            b"course_key,is_reported,content_id\ncourse-v1:A+B+C,true,course:A+B\n",
            b'content_id;course_key\n"x";course:A+B\n',
        ),
    ),
    "pull": Reader(
        _pairs,
        (
            b"verb=http://adlnet.gov/expapi/verbs/completed&since=2026-05-01T00:00:00Z&limit=10&ascending=true",
            b"agent=%7B%22mbox%22%3A%22mailto%3Aa%40example.com%22%7D&related_agents=true&format=ids",
            b"statementId=52ab1f9e-7a8b-5d9a-8a0e-2f2b3c4d5e6f",
            b"more=abc.def",
        ),
    ),
    "configuration": Reader(
        _values,
        (
            b"custom\nhttps://h.example\nhttps://h.example/t\nacme\n\nid\nsecret\nstatements\nemail\n\n\nall\ntrue",
            b"us\nhttps://[::ffff:10.0.0.1]\nhttp://127.0.0.1:1\nacme\n\nid\nsecret\ntrack\nsso:x",
        ),
    ),
}


def main() -> None:
    """Fuzz ``sys.argv[1]`` with ``sys.argv[2]`` inputs; exits with libFuzzer's status, 0 for nothing found."""
    name, runs = sys.argv[1:3]
    import atheris  # type: ignore[import-untyped]

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with atheris.instrument_imports(include=["percipio_openedx"], enable_loader_override=False):
        import django

        django.setup()
        from benchmarks.proof.hostile import TARGETS

    target, reader = TARGETS[name], READERS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(reader.seeds):
            (Path(folder) / str(number)).write_bytes(seed)
        # What is found is printed as bytes and Base64, so no file of it need be kept.
        options = [f"-runs={runs}", "-max_len=4096", "-print_final_stats=1", f"-artifact_prefix={folder}/found-"]
        atheris.Setup([sys.argv[0], *options, folder], lambda given: target.try_one(reader.made_of(given)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
