"""The worker's transactions, so that they hold up neither learners nor each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connections, router, transaction

from percipio_openedx.models.statement import Statement

# How often a deadlock's victim, or SQLite's busy writer, runs its short transaction.
_RUNS = 4

P = ParamSpec("P")
T = TypeVar("T")


def write_alias() -> str:
    """Return the database that the plugin's rows are written to."""
    return router.db_for_write(Statement)


@contextmanager
def without_gap_locks() -> Iterator[None]:
    """Open a transaction that locks rows only.

    Under REPEATABLE READ, MySQL and MariaDB also lock the gaps around the rows that a DELETE or UPDATE passes, and a
    learner's INSERT would wait for it. READ COMMITTED, for this one transaction, does not. A transaction that is
    already open stays as it is.
    """
    database = write_alias()
    connection = connections[database]
    if connection.vendor == "mysql" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    with transaction.atomic(using=database):
        yield


def persistently(function: Callable[P, T]) -> Callable[P, T]:
    """Run a short transaction again, from its beginning, that was a deadlock's victim or lost its connection.

    The function must change nothing but the database. The last failure is raised; inside an open transaction, which
    the database has undone and only its owner can begin again, the first.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(_RUNS - 1):
            try:
                return function(*args, **kwargs)
            except OperationalError:
                connection = connections[write_alias()]
                if connection.in_atomic_block:
                    raise
                # After a restart of the database the next try needs a new connection.
                connection.close_if_unusable_or_obsolete()
        return function(*args, **kwargs)

    return wrapped
