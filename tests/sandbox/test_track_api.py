"""The Track API: the six fields of Skillsoft's page, duplicates, order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_sandbox.validation.track import track_problems_of
from tests.sandbox.sending import Partner, record

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
DATE = "must be a UTC time as 2024-05-13T14:25:00Z, without fractions"
PERCENTAGE = "must be a whole number from 0 to 100"
SECONDS = "must be a whole number of seconds, not negative"


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, []),
        ({"duration_spent": None}, []),
        ({"orgid": "8d7e"}, []),
        ({"status": "started", "completion_percentage": 0}, []),
        ({"status": "in_progress", "completion_percentage": 55}, []),
        ({"content_id": None}, ["record.content_id: is required"]),
        ({"content_id": ""}, ["record.content_id: must not be empty"]),
        ({"user": None}, ["record.user: is required"]),
        ({"user": ["ada@example.com"]}, ["record.user: must be a string, not an array"]),
        ({"user": 7}, ["record.user: must be a string, not a number"]),
        ({"status": None}, ["record.status: is required"]),
        ({"status": "passed"}, ["record.status: must be one of started, in_progress, completed"]),
        ({"status": ["started"]}, ["record.status: must be one of started, in_progress, completed"]),
        ({"event_date": None}, ["record.event_date: is required"]),
        ({"event_date": "2024-05-13T14:25:00.000Z"}, [f"record.event_date: {DATE}"]),
        ({"event_date": "2024-05-13T14:25:00+00:00"}, [f"record.event_date: {DATE}"]),
        ({"event_date": "2024-02-30T14:25:00Z"}, [f"record.event_date: {DATE}"]),
        ({"event_date": "2024-06-01T12:05:01Z"}, ["record.event_date: lies in the future"]),
        ({"event_date": "2024-06-01T12:05:00Z"}, []),
        (
            {"completion_percentage": None},
            [
                "record.completion_percentage: is required",
                "record.completion_percentage: must be 100 when the status is completed",
            ],
        ),
        ({"completion_percentage": 99}, ["record.completion_percentage: must be 100 when the status is completed"]),
        ({"status": "started", "completion_percentage": 101}, [f"record.completion_percentage: {PERCENTAGE}"]),
        ({"status": "started", "completion_percentage": -1}, [f"record.completion_percentage: {PERCENTAGE}"]),
        ({"status": "started", "completion_percentage": 1.5}, [f"record.completion_percentage: {PERCENTAGE}"]),
        ({"status": "started", "completion_percentage": True}, [f"record.completion_percentage: {PERCENTAGE}"]),
        ({"duration_spent": -1}, [f"record.duration_spent: {SECONDS}"]),
        ({"duration_spent": "PT1H"}, [f"record.duration_spent: {SECONDS}"]),
        ({"duration_spent": 1.5}, [f"record.duration_spent: {SECONDS}"]),
        ({"score": 1}, ["record.score: unknown property"]),
        ({"Status": "x"}, ["record.Status: unknown property, write 'status'"]),
    ],
)
def test_each_field_has_its_rule(changes: dict[str, Any], problems: list[str]) -> None:
    assert track_problems_of(record(**changes), NOW) == problems


@pytest.mark.parametrize("value", [None, [], [record()], "x", 1])
def test_a_record_comes_alone(value: Any) -> None:
    assert len(track_problems_of(value, NOW)) == 1


@given(st.sampled_from(sorted(record())), st.none() | st.integers() | st.floats() | st.text() | st.lists(st.none()))
def test_no_value_surprises_the_checks(name: str, value: Any) -> None:
    for problem in track_problems_of({**record(), name: value}, NOW):
        assert problem.startswith(f"record.{name}") or problem.startswith("record.completion_percentage")


def test_a_record_is_held_once(partner: Partner) -> None:
    first, again = partner.track(record()), partner.track(record(duration_spent=1300))

    assert (first.status, first.json) == (200, {"status": "accepted"})
    assert (again.status, again.json) == (409, {"error": "duplicate", "problems": ["this event is known already"]})
    assert partner.sandbox.track == [record()]


def test_an_organization_has_records_of_its_own(partner: Partner) -> None:
    partner.track(record())
    partner.track_url = partner.sandbox.track_url("demo", "org-1")
    partner.track(record())

    assert [entry.organization for entry in partner.sandbox.track_entries] == [None, "org-1"]


@pytest.mark.parametrize(
    ("steps", "out_of_order"),
    [
        ([("started", 0, 1), ("in_progress", 50, 2), ("completed", 100, 3)], 0),
        ([("completed", 100, 3), ("started", 0, 1)], 1),
        ([("started", 0, 3), ("completed", 100, 2)], 1),
        ([("started", 0, 1), ("completed", 100, 2), ("in_progress", 50, 3)], 1),
    ],
)
def test_the_order_of_records_is_watched(
    partner: Partner, steps: list[tuple[str, int, int]], out_of_order: int
) -> None:
    for status, percentage, day in steps:
        event_date = f"2024-05-{day:02}T00:00:00Z"
        partner.track(record(status=status, completion_percentage=percentage, event_date=event_date))

    assert partner.sandbox.state["track"] == {
        "stored": len(steps),
        "kept": len(steps),
        "out_of_order": out_of_order,
        "by_status": {status: 1 for status, _, _ in steps},
    }


def test_a_malformed_record_is_refused_with_its_faults(partner: Partner) -> None:
    answer = partner.track(record(user=["ada@example.com"]))

    assert (answer.status, answer.json) == (
        400,
        {"error": "the record is malformed", "problems": ["record.user: must be a string, not an array"]},
    )
    assert partner.sandbox.track == []
