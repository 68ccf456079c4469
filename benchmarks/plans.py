"""The server's plans of queries, made at the moment at which they are asked: a plan depends on what is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PREFIX = "percipio_openedx_"
COLUMNS = ("table", "type", "key", "rows", "Extra")


class Plans:
    """The different plans of each question, in the order in which they were asked."""

    def __init__(self) -> None:
        self.question = ""
        self._found: dict[str, list[str]] = {}

    def __call__(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        """Ask for the plan of a query of the plugin's tables, and let it pass."""
        if sql.startswith("SELECT") and PREFIX in sql:
            plan = "\n".join(_lines(context["cursor"], sql, parameters))
            found = self._found.setdefault(self.question, [])
            if plan not in found:
                found.append(plan)
        return execute(sql, parameters, many, context)

    def print(self) -> None:
        """All of them."""
        for question, found in self._found.items():
            print(f"\n### {question}\n")
            print("\n\n".join(found))


@contextmanager
def planned() -> Iterator[Plans]:
    """The plans of all that is asked until the end."""
    from django.db import connection

    plans = Plans()
    with connection.execute_wrapper(plans):
        yield plans


def _lines(cursor: Any, sql: str, parameters: Any) -> Iterator[str]:
    # The driver's own cursor, past the wrappers.
    raw = cursor.cursor
    raw.execute(f"EXPLAIN {sql}", parameters)
    names = [column[0] for column in raw.description]
    for row in raw.fetchall():
        shown = dict(zip(names, row, strict=True))
        yield "    " + " ".join(f"{name}={str(shown[name]).removeprefix(PREFIX)}" for name in COLUMNS)
