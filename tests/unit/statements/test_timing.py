"""Moments and durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements import timing
from percipio_openedx.statements.checker import DURATION, TIMESTAMP

NOW = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "stamp", "second"),
    [
        (datetime(2026, 5, 13, 14, 25, 0, 123999, tzinfo=UTC), "2026-05-13T14:25:00.123Z", "2026-05-13T14:25:00Z"),
        (datetime(2026, 5, 13, 14, 25, tzinfo=UTC), "2026-05-13T14:25:00.000Z", "2026-05-13T14:25:00Z"),
        (
            datetime(2026, 5, 14, 1, 25, 59, 999999, tzinfo=timezone(timedelta(hours=11))),
            "2026-05-13T14:25:59.999Z",
            "2026-05-13T14:25:59Z",
        ),
        (datetime(2030, 1, 1, tzinfo=UTC), "2026-06-30T12:00:00.000Z", "2026-06-30T12:00:00Z"),
        (datetime(987, 1, 1, tzinfo=UTC), "0987-01-01T00:00:00.000Z", "0987-01-01T00:00:00Z"),
    ],
)
def test_a_moment_is_written_in_utc(at: datetime, stamp: str, second: str) -> None:
    moment = timing.moment(at, NOW)

    assert (timing.stamp(moment), timing.whole_second(moment)) == (stamp, second)


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(StatementError, match=r"^timestamp: has no time zone$"):
        timing.moment(datetime(2026, 5, 13), NOW)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2900, 1, 1), timezones=st.timezones()))
def test_every_moment_is_well_formed_and_not_in_the_future(at: datetime) -> None:
    moment = timing.moment(at, NOW)

    assert moment <= NOW
    assert moment.microsecond % 1000 == 0
    assert TIMESTAMP.fullmatch(timing.stamp(moment))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "PT0S"), (59, "PT59S"), (1800, "PT30M"), (3600, "PT1H"), (3725, "PT1H2M5S"), (90000, "PT25H"), (61, "PT1M1S")],
)
def test_a_duration_has_one_spelling(seconds: int, expected: str) -> None:
    assert timing.duration(seconds) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT30M00S", "PT30M"),
        ("P1DT01H02M03S", "PT25H2M3S"),
        ("PT00S", "PT0S"),
        ("PT1.239S", "PT1.23S"),
        ("PT1.200000S", "PT1.2S"),
        ("PT90S", "PT1M30S"),
        ("P1D", "PT24H"),
        ("P1Y", "P1Y"),
        ("P2W", "P2W"),
        ("P", "P"),
        ("PT", "PT"),
        ("half an hour", "half an hour"),
    ],
)
def test_other_spellings_are_brought_to_it(text: str, expected: str) -> None:
    assert timing.respelt(text) == expected


@given(st.integers(0, timing.MOST_SECONDS))
def test_every_duration_is_valid_and_is_its_own_spelling(seconds: int) -> None:
    text = timing.duration(seconds)

    assert DURATION.fullmatch(text)
    assert timing.respelt(text) == text


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, None), (-1, None), (0, 0), (timing.MOST_SECONDS, timing.MOST_SECONDS), (timing.MOST_SECONDS + 1, None)],
)
def test_impossible_seconds_are_unknown(seconds: int | None, expected: int | None) -> None:
    assert timing.known_seconds(seconds) == expected
