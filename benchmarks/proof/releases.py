"""Versions of the plugin, each installed in a folder of its own: this code, its next version by script, a commit."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.proof import next_version
from benchmarks.proof.lms import ROOT

PACKAGE = next_version.PACKAGE
MIGRATIONS = f"{PACKAGE}/migrations"
# What the package is built from.
PARTS = (PACKAGE, "requirements", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE.txt")


@dataclass(frozen=True)
class Release:
    """A version that is installed. ``head`` is its last migration."""

    title: str
    home: Path

    @property
    def head(self) -> str:
        """The last of its migrations."""
        return sorted(path.stem for path in (self.home / MIGRATIONS).glob("[0-9]*.py"))[-1]


def this(folder: Path) -> Release:
    """The code of this checkout as it is now; what is edited later changes nothing."""
    return _installed("this code", _copied(folder / "source"), folder)


def the_next(folder: Path, *, against_the_rule: bool) -> Release:
    """The scripted next version (``next_version``)."""
    source = _copied(folder / "source")
    next_version.make(source, against_the_rule=against_the_rule)
    return _installed(f"this code as {next_version.VERSION}", source, folder)


def of_commit(commit: str, folder: Path) -> Release:
    """A commit of this repository.

    Raises:
        subprocess.CalledProcessError: the repository does not have it.
    """
    source = folder / "source"
    packed = _git("archive", commit)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(source, filter="data")
    return _installed(f"commit {commit[:12]}", source, folder)


def oldest_commit() -> str | None:
    """The oldest commit whose migrations are all among this code's, unchanged; None where the history has none.

    A shallow clone has no history, and a source archive no repository.
    """
    try:
        commits = _git("rev-list", "--reverse", "--first-parent", "HEAD").decode().split()
    except (OSError, subprocess.CalledProcessError):
        return None
    if not commits:
        return None
    known = _migrations(commits[-1])
    return next((commit for commit in commits[:-1] if (found := _migrations(commit)) and found <= known), None)


def commit_of(revision: str) -> str:
    """The commit that a revision names.

    Raises:
        SystemExit: there is none.
    """
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit(f"This repository has no commit {revision}.") from None


def _migrations(commit: str) -> set[bytes]:
    """The migrations of a commit, each with the hash of its content."""
    return {line for line in _git("ls-tree", commit, f"{MIGRATIONS}/").splitlines() if b"/0" in line}


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout


def _copied(source: Path) -> Path:
    source.mkdir(parents=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, source / part)
    return source


def _installed(title: str, source: Path, folder: Path) -> Release:
    """Install it as a site would, but for its dependencies, which both versions share."""
    home = folder / "installed"
    options = ["--no-deps", "--no-build-isolation", "--no-compile", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "-q", *options, "--target", str(home), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return Release(title, home)
