"""Write a notice: one INSERT in the caller's transaction, whose failure never reaches the learner's request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from percipio_openedx.models.learner_course import Notice, Reason

logger = logging.getLogger(__name__)

# Seconds between two warnings of one process: thousands of learners may meet the same missing table.
WARN_EVERY = 60.0
# Seconds that a learner's request may wait for a lock on the notice table (held by a migration, say). The next notice
# makes up for a lost one; nothing makes up for the database's own day-long limit.
LOCK_WAIT = 1
# One act may write several notices: after a wait that timed out, this process does not wait again for this many
# seconds.
IMPATIENT = 10.0
# MySQL has no wait shorter than a second, so there the process does not even try for this many seconds: fewer than
# above, since a notice not tried is lost even if the lock has just been released.
NOT_TRIED = 3.0
# MySQL and MariaDB: "Lock wait timeout exceeded".
_LOCK_WAIT_TIMEOUT = 1205

_warned_at: dict[str, float] = {}
_impatient_until = 0.0


def contained(where: str, call: Callable[[], object]) -> bool:
    """Make a call whose failure must not reach the learner's request; return whether it succeeded.

    One of the package's broad excepts. Logs only the class of the error: messages of databases and brokers quote values
    and addresses.
    """
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the boundary: see above
        now = time.monotonic()
        if now - _warned_at.get(where, -WARN_EVERY) >= WARN_EVERY:
            _warned_at[where] = now
            logger.warning("capture failed where=%s error=%s (later observations heal it)", where, type(error).__name__)
        return False
    return True


def append(user_id: int, course_key: str, reason: Reason) -> None:
    """Write a notice to observe this learner in this course run.

    Plain SQL, not ``Model.save()``: a failing save marks the caller's transaction for rollback even if its exception is
    caught, and undoes the learner's own act. A failing statement marks nothing on MySQL, MariaDB and SQLite; PostgreSQL
    aborts the whole transaction, so there it runs in a savepoint.

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
    """Set up PostgreSQL's savepoint, and on MySQL the bound on the wait for a row or gap lock.

    No hint can set that bound: ``innodb_lock_wait_timeout`` "cannot be set using SET_VAR hint" (warning 3637). Costs
    two statements that touch no table and need no privilege; restores the connection's own bound afterwards.
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
    """Return the INSERT with a bound on lock waits: any lock on MariaDB, the table's on MySQL."""
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
