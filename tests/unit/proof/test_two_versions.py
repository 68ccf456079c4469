"""What the harness of two versions rests on: a next version as decision record 0010 allows it, and what logs say."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db.migrations.operations.base import Operation

from benchmarks.proof import next_version
from benchmarks.proof.lms import ROOT, Installation
from benchmarks.proof.releases import Release
from benchmarks.proof.servers import Server
from benchmarks.proof.two_versions import Side, Work
from tests.unit.test_migrations_rule import troubles

LOG = """\
2026-11-25 22:33:53 INFO percipio_openedx.run pass observed=3 statements=2 held=1 rebuilt=1 sent=4 parked=0 later=1
Traceback (most recent call last):
TypeError: run() takes 0 positional arguments but 1 was given
2026-11-25 22:33:54 ERROR Received unregistered task of type 'percipio_openedx.tasks.of_next_version'.
2026-11-25 22:33:55 INFO percipio_openedx.run pass observed=1 statements=1 held=0 sent=0 parked=0 later=0
TypeError: run() got an unexpected keyword argument 'site_id'
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the package."""
    ignored = shutil.ignore_patterns("__pycache__", "locale", "static")
    shutil.copytree(ROOT / next_version.PACKAGE, tmp_path / next_version.PACKAGE, ignore=ignored)
    return tmp_path


def operations(source: Path) -> list[Operation]:
    path = source / next_version.PACKAGE / "migrations" / f"{next_version.MIGRATION}.py"
    return list(runpy.run_path(str(path))["Migration"].operations)


@pytest.mark.slow
def test_the_next_version_only_adds(source: Path) -> None:
    next_version.make(source)

    assert list(troubles(operations(source))) == []
    # Nothing is left to migrate: its models are what its migration says.
    command = [sys.executable, "-m", "django", "makemigrations", next_version.PACKAGE, "--check", "--dry-run"]
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": f"{source}:{ROOT}", "PATH": ""}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "No changes detected in app 'percipio_openedx'\n"), done.stderr


def test_one_against_the_rule_adds_what_older_code_cannot_fill(source: Path) -> None:
    next_version.make(source, against_the_rule=True)

    found = list(troubles(operations(source)))
    assert len(found) == len(operations(source)) // 2 - 1
    assert all("field maker" in one for one in found)


def test_a_script_older_than_the_code_says_so(source: Path) -> None:
    next_version.make(source)

    with pytest.raises(next_version.DoesNotFit, match=r"'COMPLETION = \"completion\"' stands in \[\]"):
        next_version.make(source)


def test_the_logs_say_what_a_version_did(tmp_path: Path) -> None:
    server = Server("none", "mysql://root@127.0.0.1:1")
    lms = Installation(tmp_path, server, server, server, label="first-")
    for name in ("first-worker0.log", "first-worker1.log", "second-worker0.log"):
        (tmp_path / name).write_text(LOG, encoding="utf-8")

    done = Side(Release("this code", tmp_path), lms).work()

    assert done == Work(observed=8, made=6, sent=8, refused=6)
    assert done.since(Work(observed=3, made=1, sent=0, refused=2)) == Work(observed=5, made=5, sent=8, refused=4)
