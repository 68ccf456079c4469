"""The statements in ``docs/statements.md`` are the kept ones."""

from __future__ import annotations

import json
import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures"
TEXT = (ROOT / "docs" / "statements.md").read_text(encoding="utf-8")
SHOWN: list[tuple[str, str]] = re.findall(r"<!-- (\S+) -->\s*```json\n(.*?)```", TEXT, re.DOTALL)


def kept(reference: str) -> Any:
    path, _, part = reference.partition("#")
    whole = json.loads((FIXTURES / f"{path}.json").read_text(encoding="utf-8"))
    return reduce(lambda value, name: value[name], filter(None, part.split(".")), whole)


@pytest.mark.parametrize(("reference", "text"), SHOWN, ids=[reference for reference, _ in SHOWN])
def test_what_the_documentation_shows_is_what_is_sent(reference: str, text: str) -> None:
    assert json.loads(text) == kept(reference)


def test_every_example_says_what_it_is_and_each_milestone_has_one() -> None:
    assert TEXT.count("```json") == len(SHOWN)
    assert {reference for reference, _ in SHOWN} >= {
        *(f"statements/{name}" for name in ("started", "progressed", "passed", "completed", "retracted_completed")),
        *(f"track_records/{name}" for name in ("started", "progressed", "completed")),
    }
