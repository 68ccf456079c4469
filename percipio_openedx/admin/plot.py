"""A bar plot by day: counts stacked on each other. The picture itself is the template ``plot.html``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Plot:
    """The days in order, each with its bars from the bottom up: series, distance of its top from ``top``, count."""

    days: list[tuple[date, list[tuple[str, int, int]]]]
    top: int

    @property
    def half(self) -> int:
        """The round number in the middle."""
        return self.top // 2


def plotted(days: Mapping[date, Mapping[str, int]], series: Sequence[str]) -> Plot | None:
    """Stack the series of each day; None where there is nothing to see.

    Arguments:
        days: counts by day and series.
        series: what to show, from the bottom up.
    """
    most = max((sum(counts.get(name, 0) for name in series) for counts in days.values()), default=0)
    if not most:
        return None
    top = round_above(most)
    found = []
    for day in sorted(days):
        bars, place = [], top
        for name in series:
            if count := days[day].get(name, 0):
                place -= count
                bars.append((name, place, count))
        found.append((day, bars))
    return Plot(found, top)


def round_above(number: int) -> int:
    """Return the smallest of 2, 4, 10, 20, 40, 100, ... that is not below the number: its half is whole."""
    top = 1
    while True:
        for factor in (2, 4, 10):
            if number <= top * factor:
                return top * factor
        top *= 10
