"""A course's effort, as course teams write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.effort import MOST_WEEKS, SHORTEST, seconds, weeks_of
from percipio_openedx.data import LONGEST_COURSE

MINUTE, HOUR = 60, 3600
START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("effort", "expected"),
    [
        ("3", 3 * HOUR),
        (" 4 ", 4 * HOUR),
        ("1.5", 1.5 * HOUR),
        ("3-5", 4 * HOUR),
        ("03:00", 3 * HOUR),
        ("00:45", 45 * MINUTE),
        ("1:30 h", 1.5 * HOUR),
        ("3 hours", 3 * HOUR),
        ("3 Hours.", 3 * HOUR),
        ("3hrs", 3 * HOUR),
        ("3h", 3 * HOUR),
        ("3+ hours", 3 * HOUR),
        ("3-5 hours", 4 * HOUR),
        ("3 – 5 hours", 4 * HOUR),
        ("2 to 3 hours", 2.5 * HOUR),
        ("between 2 and 3 hours", 2.5 * HOUR),
        ("about 3 hours", 3 * HOUR),
        ("~3h", 3 * HOUR),
        ("approx. 3 hrs. in total", 3 * HOUR),
        ("3 hours (self-paced)", 3 * HOUR),
        ("45 min", 45 * MINUTE),
        ("90 minutes", 90 * MINUTE),
        ("15 min.", 15 * MINUTE),
        ("20m", 20 * MINUTE),
        ("2h30m", 2.5 * HOUR),
        ("1 hour 30 minutes", 1.5 * HOUR),
        ("1 hour and 30 minutes", 1.5 * HOUR),
        ("PT3H", 3 * HOUR),
        ("PT1H30M", 1.5 * HOUR),
        ("1,5 Stunden", 1.5 * HOUR),
        ("2 bis 3 Std.", 2.5 * HOUR),
        ("2 à 3 heures", 2.5 * HOUR),
        ("entre 2 y 3 horas", 2.5 * HOUR),
        ("3 時間", 3 * HOUR),
        ("45 分钟", 45 * MINUTE),
        ("٣ ساعات", 3 * HOUR),
    ],
)
def test_what_is_the_whole_course_s(effort: str, expected: float) -> None:
    assert seconds(effort) == expected
    # A run's weeks change nothing of it.
    assert seconds(effort, weeks=10) == expected


@pytest.mark.parametrize(
    ("effort", "hours"),
    [
        ("2 hours per week", 2),
        ("2 hours a week", 2),
        ("2 hours each week", 2),
        ("2 hours/week", 2),
        ("2 hours / week", 2),
        ("2hours/wk", 2),
        ("2 hrs. weekly", 2),
        ("1–2 hrs/week", 1.5),
        ("2-4 hours per week", 3),
        ("4:30 hours per week", 4.5),
        ("30 minutes per week", 0.5),
        ("2 Stunden pro Woche", 2),
        ("3 heures par semaine", 3),
        ("5 horas por semana", 5),
        ("3–4 часа в неделю", 3.5),
        ("週3時間", 3),
        ("5小时/周", 5),
    ],
)
def test_what_is_by_the_week(effort: str, hours: float) -> None:
    assert seconds(effort, weeks=6) == hours * 6 * HOUR
    # Nothing says how many weeks they are.
    assert seconds(effort) is None
    assert seconds(effort, weeks=MOST_WEEKS + 1) is None


@pytest.mark.parametrize(
    "effort", ["2 hours per week for 4 weeks", "4 weeks, 2 hours per week", "4 Wochen, 2 Stunden pro Woche"]
)
def test_the_weeks_of_the_text_are_taken_before_those_of_the_run(effort: str) -> None:
    assert seconds(effort, weeks=10) == seconds(effort) == 8 * HOUR


@pytest.mark.parametrize(
    "effort",
    [
        "",
        " ",
        "0",
        "0 hours",
        "-3",
        "none",
        "self-paced",
        "an hour",
        "P1D",
        "PT",
        "4 weeks",
        "2 days",
        "3 months",
        "3 hours per day",
        "1 hour a day",
        "30 minutes/day",
        "8-10 hours per module",
        "3 hours monthly",
        "Module 1: 3 hours",
        "2 hours, 3 hours",
        "300",
        "2026",
        "2h30",
        "1:30:00",
        "1½ hours",
        "½ hour",
        "1,000 hours",
        "10 000 hours",
        "2000 hours",
        "7 days a week 2 hours",
        "see syllabus 2.1",
        "https://example.com/3hours",
    ],
)
def test_what_cannot_be_read_is_not_guessed(effort: str) -> None:
    assert seconds(effort, weeks=6) is None


words = st.sampled_from(
    ["3", "-", "5", " ", "hours", "per week", ":", "30", "½", ",", ".", "h", "min", "PT", "weeks", "+", "/", "٣", "週"]
)
texts = st.lists(words, max_size=12).map("".join) | st.text(max_size=300)
numbers = st.none() | st.floats()


@given(texts, numbers)
def test_no_text_breaks_it_and_nothing_is_absurd(effort: str, weeks: float | None) -> None:
    found = seconds(effort, weeks)
    assert found is None or (isinstance(found, int) and SHORTEST <= found <= LONGEST_COURSE)


@pytest.mark.parametrize(
    ("days", "weeks"), [(1, 1), (7, 1), (12, 2), (42, 6), (365, 52), (371, 53), (400, None), (0, None), (-7, None)]
)
def test_the_weeks_of_a_run(days: int, weeks: int | None) -> None:
    assert weeks_of(START, START + timedelta(days=days)) == weeks


def test_a_run_without_an_end_has_no_weeks() -> None:
    assert (weeks_of(START, None), weeks_of(None, START)) == (None, None)
