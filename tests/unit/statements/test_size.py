"""The 16 KB rule: what gives way, and in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from percipio_openedx.exceptions import StatementError
from percipio_openedx.statements.normalizer import frozen, shortened

FACTS = {"id": "x", "result": {"success": True}}


def a_statement(description: int, name: int, instructors: int) -> dict[str, Any]:
    definition = {"name": {"ar": "n" * name, "en-US": "n" * name}}
    if description:
        definition["description"] = {"ar": "d" * description, "en-US": "d" * description}
    members = [{"mbox": f"mailto:{number:03}@example.com"} for number in range(instructors)]
    return {**FACTS, "object": {"definition": definition}, "context": {"instructor": {"member": members}}}


def sizes(statement: dict[str, Any]) -> tuple[int, int, int]:
    definition = statement["object"]["definition"]
    members = statement.get("context", {}).get("instructor", {}).get("member", [])
    return len(definition.get("description", {}).get("ar", "")), len(definition["name"]["ar"]), len(members)


@pytest.mark.parametrize(
    ("before", "limit", "after"),
    [
        ((100, 100, 3), 10_000, (100, 100, 3)),
        ((1000, 100, 3), 1500, (515, 100, 3)),
        ((1000, 100, 3), 480, (0, 100, 3)),
        ((1000, 100, 3), 340, (0, 53, 3)),
        ((0, 100, 3), 300, (0, 38, 2)),
        ((1000, 100, 3), 250, (0, 38, 1)),
        ((0, 100, 3), 200, (0, 38, 0)),
        ((0, 100, 60), 1500, (0, 38, 38)),
    ],
)
def test_the_order_in_which_things_give_way(
    before: tuple[int, int, int], limit: int, after: tuple[int, int, int]
) -> None:
    body = shortened(a_statement(*before), limit)
    statement = json.loads(body)

    assert len(body) <= limit
    assert sizes(statement) == after
    assert {name: statement[name] for name in FACTS} == FACTS


def test_facts_that_are_too_large_are_refused() -> None:
    with pytest.raises(StatementError, match=r"^statement: is larger than 100 bytes$"):
        shortened({"id": "x" * 200}, 100)


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}, "\ud800"])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(StatementError, match=r"^statement: cannot be written as JSON"):
        frozen({"x": value})
