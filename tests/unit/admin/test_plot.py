"""The arithmetic of the plot."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.admin.plot import ABOVE, BELOW, HEIGHT, LEFT, WIDTH, plotted, round_above

DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("number", "top"), [(0, 2), (1, 2), (2, 2), (3, 4), (5, 10), (11, 20), (39, 40), (41, 100), (1_000_001, 2_000_000)]
)
def test_the_scale_ends_at_a_round_number(number: int, top: int) -> None:
    assert round_above(number) == top


def test_nothing_is_an_empty_plot() -> None:
    plot = plotted({DAY: {}, DAY + timedelta(days=1): {"other": 5}}, ("well",))

    assert plot.is_empty
    assert plot.lines == ()


def test_a_day_is_stacked_from_the_bottom() -> None:
    first, second = plotted({DAY: {"well": 6, "bad": 2}}, ("well", "bad")).bars

    assert (first.series, first.count, second.series, second.count) == ("well", 6, "bad", 2)
    assert first.y + first.height == HEIGHT - BELOW
    assert second.y + second.height == pytest.approx(first.y)
    assert first.height == pytest.approx(3 * second.height, abs=0.2)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 10**9)), min_size=1, max_size=31))
def test_every_bar_lies_in_the_picture(counts: list[dict[str, int]]) -> None:
    days = {DAY + timedelta(days=number): count for number, count in enumerate(counts)}
    plot = plotted(days, ("a", "b", "c"))

    for bar in plot.bars:
        assert bar.x >= LEFT and bar.x + bar.width <= WIDTH
        # Thin ones are drawn thicker than they are, three at most in a day.
        assert bar.y >= ABOVE - 4.5 - 0.2 and bar.height > 0
    assert sum(bar.count for bar in plot.bars) == sum(sum(count.values()) for count in counts)
