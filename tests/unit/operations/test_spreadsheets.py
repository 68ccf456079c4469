"""What a spreadsheet makes of an export: text, and the same text when it comes back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.files import as_csv, harmless, original

PACKAGE = Path(__file__).parents[3] / "percipio_openedx"


FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "=cmd|'/c calc'!A1",
    "'=1",
    "''=1",
)


@pytest.mark.parametrize("formula", [*FORMULAS, "\tx", "\rx", "\nx"])
def test_a_formula_is_text(formula: str) -> None:
    assert harmless(formula) == f"'{formula}"
    assert original(harmless(formula)) == formula


@pytest.mark.parametrize("text", ["", "a=1", "'a'", "'", "course-v1:A+B+C", "1-2", "a; b", "課程"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == original(text) == text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_no_other_separator_makes_a_formula(delimiter: str, formula: str) -> None:
    """A program with another separator than the comma sees other cells."""
    rows = [["course", f"id{delimiter}{formula}", f"id{delimiter} {formula}{delimiter}x"]]
    text = as_csv(rows)
    for each in csv.reader(io.StringIO(text), delimiter=delimiter):
        assert [cell for cell in each if cell.strip()[:1] in STARTS] == []
    assert [[original(cell) for cell in row] for row in csv.reader(io.StringIO(text))] == rows


STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
cells = st.text(st.sampled_from("=+-@'\t\r\n;,|\"a\uff1d ") | st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=5))
def test_what_is_written_is_read_again(rows: list[list[str]]) -> None:
    found = list(csv.reader(io.StringIO(as_csv(rows), newline="")))
    assert [[original(cell) for cell in row] for row in found] == rows
    assert [cell for row in found for cell in row if cell[:1] in (*STARTS, "\t", "\r", "\n")] == []


def test_all_exports_go_this_way() -> None:
    writing = {path.name for path in PACKAGE.rglob("*.py") if "csv.writer" in path.read_text("utf-8")}
    assert writing == {"files.py"}
