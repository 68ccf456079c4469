"""The formats of xAPI 1.0.3: what is taken, what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_sandbox.validation.formats import (
    check_duration,
    check_iri,
    check_language_tag,
    check_mailbox,
    check_timestamp,
    check_uuid,
    parse_timestamp,
)
from percipio_sandbox.validation.shapes import Check

TAKEN: list[tuple[Check, tuple[str, ...]]] = [
    (check_uuid, ("12345678-1234-4234-8234-123456789abc", "12345678-1234-4234-8234-123456789ABC")),
    (check_iri, ("https://example.com/ü", "urn:uuid:1", "course-v1:Demo+X+2024", "https://例え.jp/x?y#z")),
    (check_mailbox, ("mailto:a@b", "mailto:ada.l+x@sub.example.com")),
    (
        check_language_tag,
        (
            "en",
            "en-US",
            "zh-Hant-TW",
            "es-419",
            "de-CH-1996",
            "sl-rozaj-biske",
            "x-klingon",
            "en-x-priv",
            "i-default",
            "de-u-co-phonebk",
            "und",
        ),
    ),
    (
        check_duration,
        ("PT0S", "PT30M", "PT1H30M", "P1D", "P1Y2M3DT4H5M6S", "P3W", "PT0.5S", "PT1.25S", "PT1,25S", "P1DT1S"),
    ),
    (
        check_timestamp,
        ("2024-05-13T14:25:00Z", "2024-05-13T14:25:00.123456789Z", "2024-05-13T14:25:00+05:30", "2024-02-29T00:00:00Z"),
    ),
]
REFUSED: list[tuple[Check, tuple[str, ...]]] = [
    (check_uuid, ("", "x", "{12345678-1234-4234-8234-123456789abc}", "12345678123442348234123456789abc")),
    (check_iri, ("", "example.com", "/path", "https:", "https://a b", "https://a\n", "1a:b", "a:<b>", 'a:"b"')),
    (check_mailbox, ("", "a@b", "mailto:", "mailto:a", "mailto:a@b@c", "mailto:a b@c", "mailto:a@b,c@d", "MAILTO:a@b")),
    (check_language_tag, ("", "en_US", "e", "en-", "-en", "english language", "en-US-", "12", "en-a", "abcdefghi")),
    (
        check_duration,
        ("", "P", "PT", "P1DT", "1H", "pt1h", "PT1H30", "P1W1D", "PT-1S", "-PT1S", "PT1.5M", "PT1.234S", "PT٣S"),
    ),
    (
        check_timestamp,
        (
            "",
            "2024-05-13",
            "2024-05-13T14:25Z",
            "2024-05-13T14:25:00",
            "2024-05-13 14:25:00Z",
            "2024-05-13t14:25:00z",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-05-13T24:00:00Z",
            "2024-05-13T14:25:00-00:00",
            "2024-05-13T14:25:00+0530",
            "20240513T142500Z",
        ),
    ),
]


def problems(check: Check, value: object) -> list[str]:
    found: list[str] = []
    check(value, "value", found)
    return found


@pytest.mark.parametrize(("check", "value"), [(check, value) for check, values in TAKEN for value in values])
def test_what_the_format_allows_is_taken(check: Check, value: str) -> None:
    assert problems(check, value) == []


@pytest.mark.parametrize(("check", "value"), [(check, value) for check, values in REFUSED for value in values])
def test_what_the_format_forbids_is_refused(check: Check, value: str) -> None:
    assert len(problems(check, value)) == 1


@pytest.mark.parametrize("check", [check for check, _ in TAKEN])
@pytest.mark.parametrize("value", [None, 1, True, [], {}])
def test_nothing_but_a_string_is_taken(check: Check, value: object) -> None:
    assert problems(check, value)[0].startswith("value: must be a string, not ")


@given(st.uuids())
def test_every_uuid_is_taken(value: UUID) -> None:
    assert problems(check_uuid, str(value)) == []


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 2),
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_every_time_with_a_zone_is_understood(moment: datetime) -> None:
    assert parse_timestamp(moment.isoformat()) == moment


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 99))
def test_every_clock_duration_is_taken(hours: int, minutes: int, seconds: int, hundredths: int) -> None:
    assert problems(check_duration, f"PT{hours}H{minutes}M{seconds}.{hundredths:02}S") == []


@given(st.text())
def test_no_text_surprises_a_check(text: str) -> None:
    for check, _ in TAKEN:
        assert len(problems(check, text)) <= 1


def test_a_time_keeps_its_zone() -> None:
    assert parse_timestamp("2024-05-13T14:25:00.5Z") == datetime(2024, 5, 13, 14, 25, 0, 500_000, tzinfo=UTC)
