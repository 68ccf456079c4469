"""What lies in the database and in the cache, as somebody finds it who has a copy of them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

from django.core.cache import cache
from django.db import connection


def tables() -> Iterator[tuple[str, str, bytes]]:
    """Yield every value of every column of every table, with the names of the two, as bytes."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    if value is not None:
                        yield table, column, as_bytes(value)


def cached() -> Iterator[tuple[str, bytes]]:
    """Yield every value of the default cache, with its key, as bytes (without the form in which it is kept)."""
    for key, kept in cache._cache.items():  # type: ignore[attr-defined]
        yield key, as_bytes(pickle.loads(kept))


def everything() -> list[bytes]:
    """Every value and every key."""
    found = [value for _table, _column, value in tables()]
    return found + [part for key, value in cached() for part in (key.encode(), value)]


def as_bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
