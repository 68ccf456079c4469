"""What the libraries and filter steps leave behind is taken away; facts and identifiers are not touched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from percipio_openedx.statements.normalizer import normalize

AT = datetime(2026, 5, 13, 14, 25, tzinfo=UTC)
STAMP = {"timestamp": "2026-05-13T14:25:00.000Z"}


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ({"version": "1.0.3", "stored": "x", "authority": {}, "attachments": []}, {}),
        ({"timestamp": "2026-05-13T14:25:00+00:00"}, {}),
        ({"result": {"duration": "PT30M00S"}}, {"result": {"duration": "PT30M"}}),
        (
            {"result": {"score": {"scaled": 1.0, "raw": 85.71, "min": 0.0, "max": 100.0}}},
            {"result": {"score": {"scaled": 1, "raw": 85.71, "min": 0, "max": 100}}},
        ),
        ({"result": {"score": None, "response": "", "extensions": {}}}, {}),
        ({"result": {"extensions": {"x:y": None, "x:z": ""}}}, {"result": {"extensions": {"x:y": None, "x:z": ""}}}),
        ({"context": {"team": {"member": []}, "contextActivities": {"grouping": [None, {}]}}}, {}),
        ({"result": {"success": False, "completion": False}}, {"result": {"success": False, "completion": False}}),
        (
            {"verb": {"id": "x:y", "display": {"en-US": " two\nlines ", "fr": "\x00"}}},
            {"verb": {"id": "x:y", "display": {"en-US": "two lines"}}},
        ),
        (
            {"object": {"id": "x:y", "definition": {"name": {"en-US": "<script>"}, "description": {"en-US": None}}}},
            {"object": {"id": "x:y", "definition": {"name": {"en-US": "< script>"}}}},
        ),
        ({"context": {"platform": "my\tLMS"}}, {"context": {"platform": "my LMS"}}),
        (
            {"actor": {"account": {"homePage": "x:y", "name": "e\u0301  x"}, "name": ""}},
            {"actor": {"account": {"homePage": "x:y", "name": "e\u0301  x"}}},
        ),
    ],
)
def test_what_is_left_of_a_statement(left: dict[str, Any], expected: dict[str, Any]) -> None:
    assert normalize(left, AT) == {**STAMP, **expected}
