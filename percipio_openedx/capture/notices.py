"""Writing a notice: one INSERT in the caller's transaction, whose failure marks nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.db import OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from percipio_openedx.models.notice import Notice, Reason

# Seconds that a learner's request may wait for a lock on the notice table (a migration that holds it, say). A lost
# notice is healed by the next one; a learner who waits for the database's own day-long limit is not.
LOCK_WAIT = 1
# One act may bring several notices: after one that waited in vain, this process waits no more for so many seconds.
IMPATIENT = 10.0
# MySQL knows no shorter wait than a second. So there the process does not even try for so many seconds: shorter than
# the above, since what is not tried is lost also where the lock has just been given back.
NOT_TRIED = 3.0
# MySQL and MariaDB: "Lock wait timeout exceeded".
_LOCK_WAIT_TIMEOUT = 1205

_impatient_until = 0.0


def append(user_id: int, course_key: str, reason: Reason) -> None:
    """Note that somebody should look at this learner in this course run.

    Plain SQL and not ``Model.save()``: a failing save marks the caller's transaction for rollback even when its
    exception is caught, and the learner's own act is undone with it. A failing statement marks nothing on MySQL,
    MariaDB and SQLite; PostgreSQL gives up the whole transaction, so there it stands in a savepoint.

    Raises:
        django.db.Error: the row could not be written.
    """
    connection = connections[router.db_for_write(Notice)]
    values = (
        user_id,
        course_key,
        reason.value,
        connection.ops.adapt_datetimefield_value(timezone.now()),
    )
    if _is_mysql(connection) and time.monotonic() < _impatient_until:
        raise OperationalError(_LOCK_WAIT_TIMEOUT, "not tried: another notice of this process has just waited in vain")
    try:
        with _guard(connection), connection.cursor() as cursor:
            cursor.execute(_insert(connection), values)
    except OperationalError as error:
        _remember_wait(error, NOT_TRIED if _is_mysql(connection) else IMPATIENT)
        raise


def _remember_wait(error: OperationalError, seconds: float) -> None:
    global _impatient_until
    if error.args[:1] == (_LOCK_WAIT_TIMEOUT,):
        _impatient_until = time.monotonic() + seconds


def _is_mysql(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor == "mysql" and not connection.mysql_is_mariadb  # type: ignore[attr-defined]


def _guard(connection: BaseDatabaseWrapper) -> AbstractContextManager[object]:
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        return transaction.atomic(using=connection.alias)
    return _short_row_waits(connection) if _is_mysql(connection) else nullcontext()


@contextmanager
def _short_row_waits(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """MySQL's wait for a row or a gap, bounded for what is done within; the connection's own bound stands again after.

    No hint can say it: ``innodb_lock_wait_timeout`` "cannot be set using SET_VAR hint" (warning 3637). Two statements
    that touch no table, and need no privilege.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SET @percipio_row_wait = @@SESSION.innodb_lock_wait_timeout, "
            f"SESSION innodb_lock_wait_timeout = {LOCK_WAIT}"
        )
        try:
            yield
        finally:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = @percipio_row_wait")


def _insert(connection: BaseDatabaseWrapper) -> str:
    """The INSERT, with a bound on how long it may wait for a lock: on MariaDB any lock, on MySQL that of the table."""
    quote = connection.ops.quote_name
    columns = ", ".join(quote(name) for name in ("user_id", "course_key", "reason", "noticed_at"))
    rest = f"INTO {quote(Notice._meta.db_table)} ({columns}) VALUES (%s, %s, %s, %s)"
    if connection.vendor != "mysql":
        return f"INSERT {rest}"
    if connection.mysql_is_mariadb:  # type: ignore[attr-defined]
        wait = 0 if time.monotonic() < _impatient_until else LOCK_WAIT
        bounds = f"lock_wait_timeout={wait}, innodb_lock_wait_timeout={wait}"
        return f"SET STATEMENT {bounds} FOR INSERT {rest}"
    return f"INSERT /*+ SET_VAR(lock_wait_timeout={LOCK_WAIT}) */ {rest}"
