"""What a row of the table is made of: measurements that run each in a process of its own, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.speed.measure import Figures

MARIADB = "mariadb"
SQLITE = "sqlite"
BOTH = (MARIADB, SQLITE)


@dataclass(frozen=True)
class Case:
    """One measurement.

    ``call`` runs in a process of its own, with Django set up, and gets whether the run is a quick one.
    ``environment`` is added to that process's. ``rounds`` bounds how often it is repeated; a short one, in which other
    programs' moments count for much, is repeated at least ``least`` times, but in a quick run.
    """

    call: Callable[[bool], Figures]
    databases: tuple[str, ...] = (MARIADB,)
    environment: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 5
    least: int = 1

    def repeated(self, asked: int, *, quick: bool) -> int:
        """How often it is measured where so many rounds are asked for."""
        return 1 if quick else max(self.least, min(asked, self.rounds))


@dataclass(frozen=True)
class Line:
    """A line of the table. ``met`` is None where the line has no goal of its own."""

    what: str
    ours: str
    peer: str = ""
    limit: str = ""
    goal: str = ""
    met: bool | None = None


# By name of the case and of the database.
Results = Mapping[tuple[str, str], Figures]


@dataclass(frozen=True)
class Row:
    """A row of the goals: its measurements, and how they read."""

    name: str
    cases: Mapping[str, Case]
    lines: Callable[[Results], list[Line]]
