"""Write a notice: one INSERT in the caller's transaction, and no failure of it reaches the learner's request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from percipio_openedx.models.notice import Notice, Reason

logger = logging.getLogger(__name__)

# Seconds between two warnings of one process: thousands of learners may meet the same missing table.
WARN_EVERY = 60.0
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

_warned_at: dict[str, float] = {}
_impatient_until = 0.0


def contained(where: str, call: Callable[[], object]) -> bool:
    """Make a call whose failure must not reach the learner's request, and return whether it succeeded.

    One of the broad excepts of the package. The log line names the class of the error only, since messages of databases
    and brokers quote values and addresses.
    """
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the boundary: see above
        now = time.monotonic()
        if now - _warned_at.get(where, -WARN_EVERY) >= WARN_EVERY:
            _warned_at[where] = now
            logger.warning("capture failed where=%s error=%s (later looks heal it)", where, type(error).__name__)
        return False
    return True


def append(user_id: int, course_key: str, reason: Reason) -> None:
    """Note that somebody should observe this learner in this course run.

    Plain SQL and not ``Model.save()``: a failing save marks the caller's transaction for rollback even when its
    exception is caught, and the learner's own act is undone with it. A failing statement marks nothing on MySQL,
    MariaDB and SQLite; PostgreSQL gives up the whole transaction, so there it stands in a savepoint.

    Raises:
        django.db.Error: the row could not be written.
    """
    global _impatient_until
    connection = connections[router.db_for_write(Notice)]
    is_mysql = connection.vendor == "mysql" and not connection.mysql_is_mariadb  # type: ignore[attr-defined]
    if is_mysql and time.monotonic() < _impatient_until:
        raise OperationalError(_LOCK_WAIT_TIMEOUT, "not tried: another notice of this process has just waited in vain")
    noticed_at = connection.ops.adapt_datetimefield_value(timezone.now())
    try:
        with _guard(connection), connection.cursor() as cursor:
            cursor.execute(_insert(connection), (user_id, course_key, reason.value, noticed_at))
    except OperationalError as error:
        if error.args[:1] == (_LOCK_WAIT_TIMEOUT,):
            _impatient_until = time.monotonic() + (NOT_TRIED if is_mysql else IMPATIENT)
        raise


@contextmanager
def _guard(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Set up what the INSERT itself cannot say: PostgreSQL's savepoint, and MySQL's bound on the wait for a row or gap.

    No hint can bound that one: ``innodb_lock_wait_timeout`` "cannot be set using SET_VAR hint" (warning 3637). Two
    statements that touch no table, and need no privilege; the connection's own bound stands again afterwards.
    """
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with transaction.atomic(using=connection.alias):
            yield
    elif connection.vendor == "mysql" and not connection.mysql_is_mariadb:  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute(
                "SET @percipio_row_wait = @@SESSION.innodb_lock_wait_timeout, "
                f"SESSION innodb_lock_wait_timeout = {LOCK_WAIT}"
            )
            try:
                yield
            finally:
                cursor.execute("SET SESSION innodb_lock_wait_timeout = @percipio_row_wait")
    else:
        yield


def _insert(connection: BaseDatabaseWrapper) -> str:
    """Return the INSERT, with a bound on the wait for a lock: on MariaDB any lock, on MySQL that of the table."""
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
