"""Every statement and Track record whole, against the kept expectations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from percipio_openedx.enums import Kind
from percipio_openedx.statements import content, ids
from percipio_openedx.statements.build import build
from percipio_openedx.statements.vocabulary import VERBS
from tests.judges import LIMIT, assert_valid_statement
from tests.unit.statements.cases import AT, CASES, NOW

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
STATEMENTS = FIXTURES / "statements"
RECORDS = FIXTURES / "track_records"


def kept(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_the_statement_is_as_kept(name: str) -> None:
    assert json.loads(build(CASES[name], now=NOW).body) == kept(STATEMENTS / f"{name}.json")


@pytest.mark.parametrize("name", CASES)
def test_the_track_record_is_as_kept(name: str) -> None:
    track = build(CASES[name], now=NOW).track
    path = RECORDS / f"{name}.json"

    assert (None if track is None else json.loads(track)) == (kept(path) if path.exists() else None)


def test_only_passed_failed_and_retracted_have_no_track_record() -> None:
    without = {context.milestone.kind for name, context in CASES.items() if not (RECORDS / f"{name}.json").exists()}

    assert without == {Kind.PASSED, Kind.FAILED, Kind.RETRACTED}


def test_a_retake_is_another_fact_about_the_same_content() -> None:
    first, again = (json.loads(build(CASES[name], now=NOW).body) for name in ("completed", "completed_retake"))

    assert first["object"]["id"] == again["object"]["id"]
    assert first["id"] != again["id"]
    assert first["context"]["registration"] != again["context"]["registration"]


def test_every_kept_file_has_a_case_and_every_case_a_file() -> None:
    statements = {path.stem for path in STATEMENTS.iterdir()}
    records = {path.stem for path in RECORDS.iterdir()}

    assert statements == set(CASES)
    assert records == {name for name, context in CASES.items() if build(context, now=NOW).track is not None}


@pytest.mark.parametrize("path", sorted(STATEMENTS.iterdir()), ids=lambda path: path.stem)
def test_the_judges_accept_what_is_kept(path: Path) -> None:
    assert_valid_statement(kept(path))


@pytest.mark.parametrize("name", CASES)
def test_the_bytes_are_compact_sorted_and_within_the_limit(name: str) -> None:
    body = build(CASES[name], now=NOW).body
    again = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    assert body == again
    assert len(body) <= LIMIT


def test_the_largest_statement_lost_its_description_alone() -> None:
    statement = kept(STATEMENTS / "completed_largest.json")

    assert statement["object"]["definition"]["description"]["ar"].endswith("…")
    assert len(statement["object"]["definition"]["name"]["ar"]) == 255
    assert len(statement["context"]["instructor"]["member"]) == 50
    assert LIMIT - 100 < len(build(CASES["completed_largest"], now=NOW).body) <= LIMIT


@pytest.mark.parametrize("name", CASES)
def test_the_columns_say_what_the_body_says(name: str) -> None:
    context = CASES[name]
    built = build(context, now=NOW)
    statement = json.loads(built.body)

    assert str(built.id) == statement["id"]
    assert built.verb == statement["verb"]["id"] == VERBS[context.milestone.kind]
    assert (
        built.actor_key == ids.actor_key_of(content.learner(context.identity)) == ids.actor_key_of(statement["actor"])
    )
    assert built.timestamp is not None
    assert built.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z") == statement["timestamp"]


def test_a_retraction_points_to_the_statement_of_the_same_round() -> None:
    first = build(CASES["completed"], now=NOW)
    retraction = build(CASES["retracted_completed"], now=NOW)

    assert retraction.retracts == first.id
    assert json.loads(retraction.body)["object"] == {"objectType": "StatementRef", "id": str(first.id)}
    assert build(CASES["completed_again"], now=NOW).id != first.id


def test_the_same_telling_gives_the_same_bytes_at_any_time() -> None:
    context = CASES["completed_arabic"]

    assert build(context, now=NOW) == build(context, now=AT)


def test_a_milestone_from_a_clock_that_is_ahead_is_told_as_of_now() -> None:
    assert build(CASES["completed_clock_ahead"], now=NOW).timestamp == NOW
