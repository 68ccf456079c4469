"""Every line of the pages that promise something names the test that keeps it.

A line is a list's item, a table's row or a paragraph. A test is named by its file below ``tests/`` and its name, such
as ``unit/core/test_config.py::test_regions``. A paragraph that ends with a colon leads to what follows it. Under the
headings of ``NO_PROMISES`` stands what is asked of others, what was found, and what is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_PROMISES: dict[str, set[str]] = {
    "security.md": {
        "What there is to protect",
        "What the LMS must have",
        "What was run",
        "Dependencies",
        "What was checked on 2026-11-25",
        "What was found",
        "What remains",
    },
    # The table of fields is held to what is sent by test_docs_privacy.py; the record of processing points to pages.
    "privacy.md": {"The fields, one by one", "For the record of processing", "What remains"},
    "pull.md": set(),
}
_TEST = re.compile(r"`((?:[\w]+/)+\w+\.py)::(test_\w+)`")
_ITEM = re.compile(r"(?:[*-]|\d+\.) ")


def lines(text: str, skipped: set[str]) -> Iterator[str]:
    """The items, rows and paragraphs of a page, each in one line, but for code and what stands under ``skipped``."""
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    heading = ""
    for block in re.split(r"\n{2,}", text):
        if found := re.match(r"#+ (.+)", block):
            heading = found[1]
            block = block.partition("\n")[2]
        if block.strip() and heading not in skipped:
            yield from _parts(block)


def _parts(block: str) -> Iterator[str]:
    rows = [row for row in block.splitlines() if row.strip()]
    if rows[0].startswith("|"):
        yield from (row for row in rows[2:])
        return
    part = ""
    for row in rows:
        if _ITEM.match(row.lstrip()) and part:
            yield part
            part = ""
        part = f"{part} {row.strip()}".strip()
    yield part


@pytest.mark.parametrize("page", NO_PROMISES)
def test_every_line_names_a_test_that_exists(page: str) -> None:
    found = list(lines((ROOT / "docs" / page).read_text("utf-8"), NO_PROMISES[page]))
    assert len(found) > 10
    assert [line for line in found if not _TEST.search(line) and not line.endswith(":")] == []
    named = {test for line in found for test in _TEST.findall(line)}
    assert sorted(f"{path}::{name}" for path, name in named if not _is_there(path, name)) == []


def _is_there(path: str, name: str) -> bool:
    source = ROOT / "tests" / path
    return source.is_file() and f"def {name}(" in source.read_text("utf-8")


def test_the_headings_that_promise_nothing_are_there() -> None:
    for page, headings in NO_PROMISES.items():
        text = (ROOT / "docs" / page).read_text("utf-8")
        assert headings == {heading for heading in headings if re.search(rf"^#+ {re.escape(heading)}$", text, re.M)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A\n\nOne\ntwo.\n\n* x\n  y\n* z", ["One two.", "* x y", "* z"]),
        ("# A\n\n| h |\n| --- |\n| r |\n| s |", ["| r |", "| s |"]),
        ("# Skipped\n\nOne.\n\n## B\n\nTwo:\n\n1. x\n\n   ```sh\n   ls\n   ```\n2. y", ["Two:", "1. x", "2. y"]),
    ],
)
def test_how_a_page_is_read(text: str, expected: list[str]) -> None:
    assert list(lines(text, {"Skipped"})) == expected
