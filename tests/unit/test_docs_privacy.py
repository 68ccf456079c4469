"""The page for the data-protection officer leaves out no field that is sent, and no table of the plugin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
FIXTURES = ROOT / "tests" / "fixtures"


def fields(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all that a statement or a record holds."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, path)
    else:
        yield path


def rows() -> list[list[str]]:
    """The cells of the table of fields."""
    section = PAGE.partition("### The fields, one by one")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


@pytest.mark.parametrize(("column", "folder"), [(0, "statements"), (1, "track_records")])
def test_every_field_that_is_sent_is_in_the_table(column: int, folder: str) -> None:
    listed = {name for row in rows() for name in re.findall(r"`([\w.]+)`", row[column])}
    sent = {
        path
        for file in sorted((FIXTURES / folder).glob("*.json"))
        for path in fields(json.loads(file.read_text(encoding="utf-8")))
    }
    assert len(sent) >= 6
    covered = {name for name in listed if any(path == name or path.startswith(f"{name}.") for path in sent)}
    missing = {path for path in sent if not any(path == name or path.startswith(f"{name}.") for name in listed)}
    assert (missing, listed - covered) == (set(), set())


def test_every_row_says_whose_it_is_and_what_for() -> None:
    assert [row for row in rows() if len(row) != 5 or not row[2] or not row[3]] == []


def test_every_table_is_in_the_list() -> None:
    section = PAGE.partition("## What the LMS keeps")[2].partition("\n#")[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    listed = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert listed == {model.__name__ for model in apps.get_app_config("percipio_openedx").get_models()}
