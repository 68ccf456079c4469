"""Instructors as Agents."""

from __future__ import annotations

from typing import Any

import pytest

from percipio_openedx.data import Instructor
from percipio_openedx.statements.people import instructors

LMS = "https://lms.example.com"


def account(slug: str, name: str) -> dict[str, Any]:
    return {"account": {"homePage": LMS, "name": f"instructor:{slug}"}, "name": name}


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ((), []),
        ((Instructor("Jane Smith"),), [account("jane-smith", "Jane Smith")]),
        ((Instructor("Dr. Jane  O'Neil-Smith"),), [account("dr-jane-o-neil-smith", "Dr. Jane O'Neil-Smith")]),
        ((Instructor("李 明"),), [account("李-明", "李 明")]),
        (
            (Instructor("Kim", "kim@example.com"), Instructor("", "lee@example.com")),
            [{"mbox": "mailto:kim@example.com", "name": "Kim"}, {"mbox": "mailto:lee@example.com"}],
        ),
        ((Instructor("Kim", "no address"),), [account("kim", "Kim")]),
        ((Instructor("Kim", "kim&co@example.com"),), [account("kim", "Kim")]),
        ((Instructor(""), Instructor("---"), Instructor("\x00")), []),
        ((Instructor("Jane Smith"), Instructor("JANE SMITH ")), [account("jane-smith", "Jane Smith")]),
    ],
)
def test_instructors_become_agents(people: tuple[Instructor, ...], expected: list[dict[str, Any]]) -> None:
    assert instructors(people, LMS) == expected


def test_an_instructor_without_email_needs_the_address_of_the_lms() -> None:
    assert instructors((Instructor("Jane"), Instructor("Kim", "kim@example.com")), "") == [
        {"mbox": "mailto:kim@example.com", "name": "Kim"}
    ]
