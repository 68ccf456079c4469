"""Empty the tables after a test that commits, many times faster than ``flush`` does.

Django empties every table, and then lets all apps make their content types and permissions anew: a quarter of a second
after each such test, which is longer than most of them take. Here only the tables that hold something are emptied, and
those that Django fills get back exactly the rows that it filled them with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.core.management.color import no_style
from django.db import connections
from django.test import TransactionTestCase

Rows = list[tuple[Any, ...]]

# The rows that ``flush`` leaves, by database and table.
_left: dict[str, dict[str, Rows]] = {}


def empty(alias: str, slowly: Callable[[], None]) -> None:
    """Leave what ``slowly`` (Django's own way, taken the first time) leaves."""
    if alias not in _left:
        slowly()
        _left[alias] = {table: _rows(alias, table) for table in _filled(alias)}
        return
    left, filled = _left[alias], _filled(alias)
    changed = {table for table in filled | left.keys() if table not in left or _rows(alias, table) != left[table]}
    # As Django does each time; they may hold what no table holds any more.
    ContentType.objects.clear_cache()
    Site.objects.clear_cache()
    if not changed:
        return
    if changed & left.keys():
        # Permissions refer to content types: what is filled goes together.
        changed |= left.keys()
    connection = connections[alias]
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), sorted(changed)))
    for table in changed & left.keys():
        _insert(alias, table, left[table])


def _filled(alias: str) -> set[str]:
    """Return the tables that hold anything. One query."""
    connection = connections[alias]
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quote = connection.ops.quote_name
    one = "SELECT '{name}' FROM (SELECT 1) AS one WHERE EXISTS (SELECT 1 FROM {table})"
    questions = [one.format(name=table, table=quote(table)) for table in tables]
    found: set[str] = set()
    with connection.cursor() as cursor:
        # SQLite takes 500 terms at most.
        for start in range(0, len(questions), 400):
            cursor.execute(" UNION ALL ".join(questions[start : start + 400]))
            found.update(name for (name,) in cursor.fetchall())
    return found


def _rows(alias: str, table: str) -> Rows:
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
        return [tuple(row) for row in cursor.fetchall()]


def _insert(alias: str, table: str, rows: Rows) -> None:
    connection = connections[alias]
    values = ", ".join(["%s"] * len(rows[0]))
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {connection.ops.quote_name(table)} VALUES ({values})", rows)


@pytest.fixture(autouse=True, scope="session")
def _quick_flush() -> Iterator[None]:
    original = TransactionTestCase._fixture_teardown

    def teardown(self: TransactionTestCase) -> None:
        if self.available_apps is not None or self.serialized_rollback:
            original(self)
            return
        for alias in self._databases_names(include_mirrors=False):
            empty(alias, lambda: original(self))

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = original
