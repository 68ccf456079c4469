"""What a command says to people is in the LMS's language; what programs read is English."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.builders import KEY, a_course, a_learner

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "no_calls")]

Manage = Callable[..., Any]


@pytest.fixture(autouse=True)
def _german(settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"


def test_the_doctor_speaks_german_to_people_and_english_to_programs(manage: Manage) -> None:
    assert "geparkte Statements: keine" in manage("percipio_doctor").out

    names = {finding["name"]: finding["seen"] for finding in manage("percipio_doctor", "--json").documents}
    assert (names["parked statements"], names["notices"]) == ("none", "none waits")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("percipio_catalog", "list"), "0 Einträge, 0 zurückgehalten"),
        (("percipio_preview", "amina", KEY), "nicht gemeldet: "),
    ],
)
def test_a_command_sums_up_in_german(manage: Manage, settings: Any, arguments: tuple[str, ...], words: str) -> None:
    settings.PERCIPIO_CATALOG = "chosen"
    a_learner(), a_course()
    assert words in manage(*arguments).out


def test_a_wrong_call_is_said_in_german(manage: Manage) -> None:
    assert "--rate muss größer als 0 sein" in manage("percipio_backfill", "--rate", "0").err


@pytest.mark.parametrize(("language", "width"), [("en", 5), ("de", 6), ("es", 7)])
def test_the_doctor_aligns_its_verdicts(manage: Manage, settings: Any, language: str, width: int) -> None:
    settings.LANGUAGE_CODE = language
    lines = manage("percipio_doctor").out.splitlines()[:-1]
    assert {line[width : width + 2] for line in lines} == {"  "}
    assert {line[width - 1].isspace() for line in lines} == {True, False}
