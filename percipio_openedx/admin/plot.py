"""A bar plot as the numbers of an SVG picture: nothing but arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

WIDTH = 560
HEIGHT = 150
# Room for the numbers at the side and the days below.
LEFT = 44
BELOW = 22
ABOVE = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a day's bar, in the picture's units; ``series`` decides its colour."""

    x: float
    y: float
    width: float
    height: float
    series: str
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars, the days below them, and lines at round numbers."""

    bars: tuple[Bar, ...]
    days: tuple[Label, ...]
    lines: tuple[Label, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not self.bars


def plotted(days: Mapping[date, Mapping[str, int]], series: Sequence[str]) -> Plot:
    """Stack the series of each day.

    Arguments:
        days: counts by day and series; days in the order of the mapping's keys, sorted.
        series: what to show, from the bottom up.
    """
    ordered = sorted(days)
    most = max((sum(days[day].get(name, 0) for name in series) for day in ordered), default=0)
    top = round_above(most)
    scale = (HEIGHT - BELOW - ABOVE) / top
    pitch = (WIDTH - LEFT) / max(1, len(ordered))
    bars, labels = [], []
    for number, day in enumerate(ordered):
        x, y = LEFT + number * pitch + pitch * 0.15, float(HEIGHT - BELOW)
        for name in series:
            count = days[day].get(name, 0)
            if count:
                # Never so thin that it cannot be seen.
                height = max(1.5, count * scale)
                y -= height
                bars.append(Bar(_r(x), _r(y), _r(pitch * 0.7), _r(height), name, day, count))
        if number % 2 == (len(ordered) - 1) % 2:
            labels.append(Label(_r(x + pitch * 0.35), HEIGHT - 6, f"{day:%m-%d}"))
    lines = tuple(Label(LEFT - 6, _r(HEIGHT - BELOW - value * scale), f"{value:g}") for value in (0, top / 2, top))
    return Plot(tuple(bars), tuple(labels), lines if bars else ())


def round_above(number: int) -> int:
    """The smallest of 2, 4, 10, 20, 40, 100, ... that is not below the number: its half is whole."""
    top = 1
    while True:
        for factor in (2, 4, 10):
            if number <= top * factor:
                return top * factor
        top *= 10


def _r(value: float) -> float:
    return round(value, 1)
