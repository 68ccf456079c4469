"""What `make test` leaves of a long table, `make test-slow` has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins import thinned


class Case:
    """A collected test, as far as the plugin asks."""

    def __init__(self, nodeid: str, *marks: pytest.MarkDecorator) -> None:
        self.nodeid, self.marks = nodeid, {one.name: one.mark for one in marks}

    def get_closest_marker(self, name: str) -> Any:
        return self.marks.get(name)

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.marks[mark.name] = mark.mark


def test_every_nth_case_of_each_table_stays() -> None:
    tables = [[Case(f"t.py::{name}[{n}]", pytest.mark.thinned(3)) for n in range(7)] for name in ("a", "b")]
    others = [Case("t.py::c[0]"), Case("t.py::c[1]")]
    cases: Any = [case for pair in zip(*tables, strict=True) for case in pair] + others
    thinned.pytest_collection_modifyitems(cases)
    for table in tables:
        assert [n for n, case in enumerate(table) if "slow" not in case.marks] == [0, 3, 6]
    assert not any("slow" in case.marks for case in others)
