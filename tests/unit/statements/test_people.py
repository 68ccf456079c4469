"""Learners and instructors as Agents."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.data import Instructor, LearnerIdentity
from percipio_openedx.enums import Kind
from percipio_openedx.statements import ids
from percipio_openedx.statements.build import build
from percipio_openedx.statements.content import instructors
from percipio_openedx.statements.text import mailto
from percipio_sandbox.validation.statements import problems_of
from percipio_sandbox.validation.track import track_problems_of
from tests.judges import assert_valid_statement
from tests.unit.statements.cases import NOW, a_context

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
        # marks are what tells these apart
        ((Instructor("काल"), Instructor("कील")), [account("काल", "काल"), account("कील", "कील")]),
        ((Instructor("สมศรี"), Instructor("สมศรู")), [account("สมศรี", "สมศรี"), account("สมศรู", "สมศรู")]),
        ((Instructor("മിനി"), Instructor("മാനി")), [account("മിനി", "മിനി"), account("മാനി", "മാനി")]),
        ((Instructor("கலா"), Instructor("கலை")), [account("கலா", "கலா"), account("கலை", "கலை")]),
        ((Instructor("রিনা"), Instructor("রানী")), [account("রিনা", "রিনা"), account("রানী", "রানী")]),
        # and these are one name, composed and decomposed
        ((Instructor("Andr\u00e9"), Instructor("Andre\u0301")), [account("andr\u00e9", "Andr\u00e9")]),
    ],
)
def test_instructors_become_agents(people: tuple[Instructor, ...], expected: list[dict[str, Any]]) -> None:
    assert instructors(people, LMS) == expected


def test_pointed_hebrew_names_are_two() -> None:
    dan, den = "דָּן", "דֶּן"

    assert len({agent["account"]["name"] for agent in instructors((Instructor(dan), Instructor(den)), LMS)}) == 2


def folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


words = st.text(st.characters(categories=["L", "M", "Nd"]), min_size=1, max_size=12).filter(
    lambda name: all(unicodedata.category(character)[0] in "LMN" for character in folded(name))
)


@given(st.lists(words, max_size=6))
def test_names_that_differ_in_more_than_case_and_form_are_different_people(names: list[str]) -> None:
    """Letters, marks and digits all count; only what Unicode itself holds for the same does not."""
    found = {agent["account"]["name"] for agent in instructors(tuple(Instructor(name) for name in names), LMS)}

    assert found == {f"instructor:{folded(name)}" for name in names}


ODD = ["first#last@example.com", "50%off@example.com", "who?@example.com", "{x}@example.com", "user@डाटामेल.भारत"]


@pytest.mark.parametrize("email", ODD)
@pytest.mark.parametrize("kind", [Kind.STARTED, Kind.PROGRESSED, Kind.COMPLETED])
def test_a_learner_with_an_unusual_address_is_named_in_both_apis(email: str, kind: Kind) -> None:
    built = build(a_context(kind, identity=LearnerIdentity(email=email, name="X"), percent=40), now=NOW)
    statement, record = json.loads(built.body), json.loads(built.track or b"")

    assert statement["actor"] == {"objectType": "Agent", "name": "X", "mbox": mailto(email)}
    assert record["user"] == email
    assert_valid_statement(statement)
    assert problems_of(statement, NOW) == []
    assert track_problems_of(record, NOW) == []
    assert built.actor_key == ids.actor_key_of({"mbox": mailto(email.upper())})


def test_an_address_that_no_statement_can_name_does_not_keep_a_track_record() -> None:
    """Its statement, which is kept beside the record, names the learner by the hash that xAPI has for that."""
    email = "a..b@example.com"
    built = build(a_context(Kind.COMPLETED, identity=LearnerIdentity(email=email)), now=NOW)
    hashed = hashlib.sha1(b"mailto:a..b@example.com", usedforsecurity=False).hexdigest()

    assert json.loads(built.track or b"")["user"] == email
    assert json.loads(built.body)["actor"] == {"objectType": "Agent", "mbox_sha1sum": hashed}
    assert_valid_statement(json.loads(built.body))


def test_an_instructor_without_email_needs_the_address_of_the_lms() -> None:
    assert instructors((Instructor("Jane"), Instructor("Kim", "kim@example.com")), "") == [
        {"mbox": "mailto:kim@example.com", "name": "Kim"}
    ]
