"""How long a learner worked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.reporting.observe import worked

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([], None),
        ([0], None),
        ([0, 0], None),
        ([0, 10, 25], 25 * 60),
        ([0, 30], 30 * 60),
        # a longer pause is not work
        ([0, 10, 41, 50], 19 * 60),
        ([0, 600], None),
    ],
)
def test_seconds(minutes: list[int], expected: int | None) -> None:
    assert worked([NOON + timedelta(minutes=minute) for minute in minutes]) == expected


@given(offsets=st.lists(st.integers(0, 10**7), max_size=50).map(sorted))
def test_never_more_than_from_the_first_to_the_last(offsets: list[int]) -> None:
    found = worked([NOON + timedelta(seconds=offset) for offset in offsets])
    assert found is None or 0 < found <= offsets[-1] - offsets[0]
