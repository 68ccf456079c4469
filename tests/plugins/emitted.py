"""Every statement that any test builds is put to the judges, and kept for the judge that needs Node.

With ``PERCIPIO_TEST_STATEMENTS=<file>`` each statement is appended to that file, one JSON document a line;
``.ci/run`` then gives the file to Learning Locker's validator.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from percipio_openedx.statements.content import BuiltStatement
from tests.judges import faults


class Witness:
    """Stands in for ``BuiltStatement`` in the door of ``statements`` and remembers what the judges refused."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        kept = os.environ.get("PERCIPIO_TEST_STATEMENTS", "")
        self._kept = Path(kept) if kept else None

    def __call__(self, **fields: Any) -> BuiltStatement:
        built = BuiltStatement(**fields)
        statement = json.loads(built.body)
        self.refused += [f"{fault}\n{built.body.decode()}" for fault in faults(statement)]
        if self._kept is not None:
            with self._kept.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(statement) + "\n")
        return built


@pytest.fixture(scope="session")
def _witness() -> Iterator[Witness]:
    from percipio_openedx.statements import build  # imports models, so not before Django is ready

    witness = Witness()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "BuiltStatement", witness)
        yield witness


@pytest.fixture(autouse=True)
def _emitted_statements_are_valid(_witness: Witness) -> Iterator[None]:
    """Fail the test that built a statement which a judge refuses, even where the error was swallowed."""
    _witness.refused.clear()
    yield
    assert _witness.refused == []
