"""What a check of the doctor, or of the connection test, says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is. *Doubtful* deserves a look; *wrong* keeps reports from arriving; *skipped* could not be tried."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, how it is, what was seen, and what to do. Nothing personal and nothing secret.

    ``code`` is the ``ProblemCode`` where the check is about something that the overview and the alerts name as well.
    """

    name: str
    verdict: Verdict
    seen: str = ""
    fix: str = ""
    code: str = ""


def well(name: str, seen: str = "") -> Finding:
    """Return that all is as it should be."""
    return Finding(name, Verdict.WELL, seen)


def doubtful(name: str, seen: str, fix: str) -> Finding:
    """Return that it is worth a look."""
    return Finding(name, Verdict.DOUBTFUL, seen, fix)


def wrong(name: str, seen: str, fix: str) -> Finding:
    """Return that it is broken."""
    return Finding(name, Verdict.WRONG, seen, fix)


def skipped(name: str, seen: str) -> Finding:
    """Return that it was not tried, or is switched off."""
    return Finding(name, Verdict.SKIPPED, seen)
