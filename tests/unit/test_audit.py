"""The vulnerabilities that were accepted: each is explained, of a version that is pinned, and told to pip-audit."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RELEASES = ("verawood", "ulmo")
ID = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(-[23456789cfghjmpqrvwx]{4}){3}|PYSEC-\d{4}-\d+")
OPTIONS = ("--strict", "--disable-pip", "--no-deps", "--progress-spinner", "off", "-r")


@dataclass(frozen=True)
class Finding:
    """A line of audit.txt."""

    ids: tuple[str, ...]
    package: str
    versions: dict[str, str]
    why: str


def findings() -> list[Finding]:
    text = (ROOT / "requirements" / "audit.txt").read_text(encoding="utf-8")
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            ids, package, versions, why = line.split(" | ")
            pairs = [(pair.partition(" ")[0], pair.partition(" ")[2]) for pair in versions.split(", ")]
            found.append(Finding(tuple(ids.split(" ")), package, dict(pairs), why))
    return found


def pinned(release: str) -> dict[str, str]:
    text = (ROOT / "requirements" / release / "base.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def audit(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """What `make audit` does with a pip-audit that does as the script says."""
    stand_in = tmp_path / "pip-audit"
    stand_in.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    stand_in.chmod(0o755)
    command = [ROOT / "requirements" / "audit.sh", stand_in, "-s", "osv"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_each_finding_is_named_and_explained() -> None:
    found = findings()
    assert [bad for finding in found for bad in finding.ids if not ID.fullmatch(bad)] == []
    assert [finding for finding in found if len(finding.why) < 20 or finding.why != finding.why.strip()] == []


def test_no_finding_stands_twice() -> None:
    ids = [each for finding in findings() for each in finding.ids]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("release", RELEASES)
def test_each_finding_is_of_a_version_that_is_pinned(release: str) -> None:
    """Otherwise it no longer applies: the line goes, or its reason is looked at again."""
    named = {finding.package: finding.versions[release] for finding in findings() if release in finding.versions}
    pins = pinned(release)
    assert named == {package: pins.get(package) for package in named}


def test_the_releases_are_those_that_are_pinned() -> None:
    assert {release for finding in findings() for release in finding.versions} == set(RELEASES)


def test_pip_audit_is_told_what_is_accepted(tmp_path: Path) -> None:
    done = audit(tmp_path, 'echo "$@"')
    reported = []
    for release in RELEASES:
        ids = [each for finding in findings() if release in finding.versions for each in finding.ids]
        ignored = [word for each in ids for word in ("--ignore-vuln", each)]
        base = f"requirements/{release}/base.txt"
        reported += [base, " ".join(["-s", "osv", *OPTIONS, base, *ignored])]
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, reported, "")


def test_a_finding_that_is_not_accepted_fails(tmp_path: Path) -> None:
    done = audit(tmp_path, 'case "$*" in *ulmo*) echo "Found 1 known vulnerability"; exit 1;; esac')
    assert (done.returncode, "Found 1 known vulnerability" in done.stdout, done.stderr) == (1, True, "")


@pytest.mark.parametrize(
    "words",
    [
        "ERROR:pip_audit._cli:amqp: Dependency not found on PyPI and could not be audited: amqp (5.4.2)",
        "requests.exceptions.ConnectionError: Max retries exceeded",
    ],
)
def test_what_could_not_be_audited_fails_and_says_so(tmp_path: Path, words: str) -> None:
    done = audit(tmp_path, f'echo "{words}" >&2; exit 1')
    said = "NOT AUDITED: advisories could not be reached, so there is no verdict on any package."
    assert (done.returncode, done.stdout.count(words), done.stderr.count(said)) == (1, 2, 2)
