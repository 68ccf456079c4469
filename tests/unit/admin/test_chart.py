"""The arithmetic of the charts."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.admin.overview import chart

DAY = date(2026, 3, 1)


def test_without_counts_there_is_no_chart() -> None:
    assert chart({DAY: {}, DAY + timedelta(days=1): {"other": 5}}, ("well",)) is None
    assert chart({}, ("well",)) is None


def test_a_day_is_stacked_from_the_bottom() -> None:
    found = chart({DAY: {"well": 6, "bad": 2}}, ("well", "bad"))

    assert found == {"days": [(DAY, [("well", 2, 6), ("bad", 0, 2)])], "top": 8}


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 10**9)), min_size=1, max_size=31))
def test_every_bar_lies_in_the_picture(counts: list[dict[str, int]]) -> None:
    days = {DAY + timedelta(days=number): count for number, count in enumerate(counts)}
    found = chart(days, ("a", "b", "c"))

    bars = [bar for _day, bars in found["days"] for bar in bars] if found else []
    assert all(place >= 0 and count > 0 for _series, place, count in bars)
    assert sum(count for _series, _place, count in bars) == sum(sum(count.values()) for count in counts)
