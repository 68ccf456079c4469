"""Rows by many primary keys, at the cost of writing them down."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import F
from django.db.models.lookups import Lookup


class _Among(Lookup):
    """``IN`` with the keys in the SQL itself.

    Django prepares, and the driver quotes, every parameter by itself: for hundreds of keys that takes longer than the
    query. Whole numbers need neither.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} IN ({self.rhs})", params


def among(keys: Collection[int]) -> _Among:
    """A condition for ``filter``: the primary key, a whole number, is one of these.

    Arguments:
        keys: at least one.
    """
    return _Among(F("pk"), ",".join(f"{key:d}" for key in keys))
