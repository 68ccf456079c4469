"""The time of the next try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.delivery.outcomes import next_time, retry_after_of
from percipio_openedx.enums import Outcome

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def most(low: float, high: float) -> float:
    """The upper end of the jitter."""
    return high


def least(low: float, high: float) -> float:
    """Its lower end."""
    return low


@pytest.mark.parametrize(
    ("failures", "outcome", "retry_after", "longest"),
    [
        (0, Outcome.LATER, None, 5.0),
        (1, Outcome.LATER, None, 5.0),
        (2, Outcome.LATER, None, 10.0),
        (5, Outcome.LATER, None, 80.0),
        (11, Outcome.LATER, None, 3600.0),
        (10_000, Outcome.LATER, None, 3600.0),
        (1, Outcome.UNAUTHORIZED, None, 60.0),
        (1, Outcome.NOT_FOUND, None, 60.0),
        (7, Outcome.UNAUTHORIZED, None, 3600.0),
        (9, Outcome.LATER, 20.0, 22.0),
        (1, Outcome.LATER, 0.0, 1.1),
        (1, Outcome.LATER, 86400.0, 86430.0),
        # An absurd wish is none.
        (1, Outcome.LATER, 1e9, 5.0),
        (1, Outcome.DOUBT, None, 60.0),
        (1, Outcome.PLAIN, None, 60.0),
    ],
)
def test_the_span_of_the_wait(failures: int, outcome: Outcome, retry_after: float | None, longest: float) -> None:
    wait = next_time(NOW, failures, outcome, retry_after, most) - NOW
    assert wait.total_seconds() == pytest.approx(longest)
    asked = retry_after if retry_after is not None and retry_after <= 86400.0 else 0.0
    wait = next_time(NOW, failures, outcome, retry_after, least) - NOW
    assert wait.total_seconds() == max(asked, 1.0)


@given(
    st.integers(-5, 10**9),
    st.sampled_from(Outcome),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 1),
)
def test_the_wait_is_always_a_sane_time(
    failures: int, outcome: Outcome, retry_after: float | None, progress: float
) -> None:
    at = next_time(NOW, failures, outcome, retry_after, lambda low, high: low + (high - low) * progress)
    assert timedelta(seconds=1) <= at - NOW <= timedelta(seconds=86430)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("86400", 86400.0),
        ("86401", None),
        ("9" * 400, None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 12:00:30", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Fri, 01 Mar 2030 11:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 0000 00:00:00 GMT", 0.0),
        ("Sun, 99 Mar 2026 11:00:00 GMT", None),
        ("٣", None),
    ],
)
def test_retry_after_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_of(header, NOW) == seconds


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    seconds = retry_after_of(header, NOW)
    assert seconds is None or 0 <= seconds <= 86400
