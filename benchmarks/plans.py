"""The server's plans of the queries that were asked while somebody watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PREFIX = "percipio_openedx_"
COLUMNS = ("table", "type", "key", "rows", "Extra")


class Watch:
    """The queries of each question, in the order in which they were asked."""

    def __init__(self) -> None:
        self.name = ""
        self.queries: dict[str, list[tuple[str, Any]]] = {}

    def __call__(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        """Note a query of the plugin's tables, and let it pass."""
        if sql.startswith("SELECT") and PREFIX in sql:
            self.queries.setdefault(self.name, []).append((sql, parameters))
        return execute(sql, parameters, many, context)


@contextmanager
def watched() -> Iterator[Watch]:
    """Note every query until the end."""
    from django.db import connection

    watch = Watch()
    with connection.execute_wrapper(watch):
        yield watch


def plans(watch: Watch) -> None:
    """Print the plan of each query, the same ones once for each question."""
    for name, queries in watch.queries.items():
        print(f"\n### {name}\n")
        seen = set()
        for sql, parameters in queries:
            plan = "\n".join(_lines(sql, parameters))
            if plan not in seen:
                print(f"{plan}\n")
            seen.add(plan)


def _lines(sql: str, parameters: Any) -> Iterator[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", parameters)
        names = [column[0] for column in cursor.description]
        for row in cursor.fetchall():
            told = dict(zip(names, row, strict=True))
            yield "    " + " ".join(f"{name}={str(told[name]).removeprefix(PREFIX)}" for name in COLUMNS)
