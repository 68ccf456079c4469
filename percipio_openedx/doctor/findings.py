"""What a check says."""

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
    """One check: its name, how it is, what was seen, and what to do. Nothing personal and nothing secret."""

    name: str
    verdict: Verdict
    seen: str = ""
    mend: str = ""


def well(name: str, seen: str = "") -> Finding:
    """All is as it should be."""
    return Finding(name, Verdict.WELL, seen)


def doubtful(name: str, seen: str, mend: str) -> Finding:
    """Worth a look."""
    return Finding(name, Verdict.DOUBTFUL, seen, mend)


def wrong(name: str, seen: str, mend: str) -> Finding:
    """Broken."""
    return Finding(name, Verdict.WRONG, seen, mend)


def skipped(name: str, seen: str) -> Finding:
    """Not tried."""
    return Finding(name, Verdict.SKIPPED, seen)
