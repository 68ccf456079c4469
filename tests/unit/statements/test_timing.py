"""Moments and durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import isodate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tincan.conversions.iso8601 import jsonify_timedelta

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.build import MOST_SECONDS, known_seconds, moment
from percipio_openedx.statements.checker import DURATION, TIMESTAMP
from percipio_openedx.statements.normalizer import respelled, stamp

NOW = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 5, 13, 14, 25, 0, 123999, tzinfo=UTC), "2026-05-13T14:25:00.123Z"),
        (datetime(2026, 5, 13, 14, 25, tzinfo=UTC), "2026-05-13T14:25:00.000Z"),
        (
            datetime(2026, 5, 14, 1, 25, 59, 999999, tzinfo=timezone(timedelta(hours=11))),
            "2026-05-13T14:25:59.999Z",
        ),
        (datetime(2030, 1, 1, tzinfo=UTC), "2026-06-30T12:00:00.000Z"),
        (datetime(987, 1, 1, tzinfo=UTC), "0987-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_written_in_utc(at: datetime, expected: str) -> None:
    assert stamp(moment(at, NOW)) == expected


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(StatementError, match=r"^timestamp: has no time zone$"):
        moment(datetime(2026, 5, 13), NOW)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2900, 1, 1), timezones=st.timezones()))
def test_every_moment_is_well_formed_and_not_in_the_future(at: datetime) -> None:
    found = moment(at, NOW)

    assert found <= NOW
    assert found.microsecond % 1000 == 0
    assert TIMESTAMP.fullmatch(stamp(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT30M00S", "PT30M"),
        ("P1DT01H02M03S", "PT25H2M3S"),
        ("PT00S", "PT0S"),
        ("PT90S", "PT1M30S"),
        ("P1D", "PT24H"),
        ("PT61S", "PT1M1S"),
        ("P2W", "PT336H"),
    ],
)
def test_other_spellings_are_brought_to_it(text: str, expected: str) -> None:
    assert respelled(text) == expected


@given(st.integers(0, MOST_SECONDS))
def test_every_duration_is_valid_and_is_its_own_spelling(seconds: int) -> None:
    text = respelled(jsonify_timedelta(timedelta(seconds=seconds)))

    assert DURATION.fullmatch(text)
    assert isodate.parse_duration(text) == timedelta(seconds=seconds)
    assert respelled(text) == text


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, None), (-1, None), (0, 0), (MOST_SECONDS, MOST_SECONDS), (MOST_SECONDS + 1, None)],
)
def test_impossible_seconds_are_unknown(seconds: int | None, expected: int | None) -> None:
    assert known_seconds(seconds) == expected
