"""Coverage-guided fuzzing of the pure readers by atheris (libFuzzer), which tries what reaches new lines of ours.

``python -m benchmarks.fuzz --engine atheris`` runs this once for each target: libFuzzer ends its process itself.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATUSES = (200, 201, 400, 401, 500)


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
}


def main() -> None:
    """Fuzz ``sys.argv[1]`` with ``sys.argv[2]`` inputs; exits with libFuzzer's status, 0 for nothing found."""
    name, runs = sys.argv[1:3]
    import atheris

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
