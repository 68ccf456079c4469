"""The worker's transactions, so that they hold up neither learners nor each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connections, router, transaction
from django.db.models import QuerySet

from percipio_openedx.models.statement import Statement

# Attempts of a short transaction that meets a deadlock, or SQLite's busy writer.
_RUNS = 4

P = ParamSpec("P")
T = TypeVar("T")


def write_alias() -> str:
    """Return the database that the plugin's rows are written to."""
    return router.db_for_write(Statement)


@contextmanager
def without_gap_locks() -> Iterator[None]:
    """Open a transaction that locks rows only.

    Under REPEATABLE READ, MySQL and MariaDB also lock the gaps around the rows of a DELETE or UPDATE, and a learner's
    INSERT would wait. READ COMMITTED, for this one transaction, does not. An open transaction stays as it is.
    """
    database = write_alias()
    connection = connections[database]
    if connection.vendor == "mysql" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    with transaction.atomic(using=database):
        yield


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo what is written meanwhile: the platform writes on the way (an external id, a course's overview)."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


def persistently(function: Callable[P, T]) -> Callable[P, T]:
    """Retry a short transaction from its beginning after a deadlock or a lost connection.

    The function must change nothing but the database. The last failure is raised; inside an open transaction the first,
    since only its owner can begin again.
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
                # After a restart of the database the retry needs a new connection.
                connection.close_if_unusable_or_obsolete()
        return function(*args, **kwargs)

    return wrapped


def pages(
    rows: QuerySet[Any], *columns: str, size: int, is_over: Callable[[], bool] = lambda: False
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows in pages by key, each row as its key and these columns; ``is_over`` is checked before each page."""
    last = 0
    ordered = rows.order_by("pk").values_list("pk", *columns)
    while not is_over() and (page := list(ordered.filter(pk__gt=last)[:size])):
        last = page[-1][0]
        yield page
