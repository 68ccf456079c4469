"""From a signal to a notice: one INSERT in the learner's transaction, whose failure never reaches the request.

Each receiver appends one notice and never raises; ``apps.py`` connects them. A signal that a release of the LMS lacks
is harmless (``edx_platform.signal``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_save
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.capture import wake
from percipio_openedx.edx_platform import signal, stored_key
from percipio_openedx.models.learner_course import EVERY_COURSE, Notice, Reason

LEARNING = "openedx_events.learning.signals"

COURSE_ENROLLMENT_CREATED = signal(LEARNING, "COURSE_ENROLLMENT_CREATED")
ENROLLMENT_TRACK_UPDATED = signal("common.djangoapps.student.signals.signals", "ENROLLMENT_TRACK_UPDATED")
PERSISTENT_GRADE_SUMMARY_CHANGED = signal(LEARNING, "PERSISTENT_GRADE_SUMMARY_CHANGED")
COURSE_PASSING_STATUS_UPDATED = signal(LEARNING, "COURSE_PASSING_STATUS_UPDATED")
CERTIFICATE_CREATED = signal(LEARNING, "CERTIFICATE_CREATED")
CERTIFICATE_REVOKED = signal(LEARNING, "CERTIFICATE_REVOKED")
COURSE_GRADE_PASSED_FIRST_TIME = signal("lms.djangoapps.grades.signals.signals", "COURSE_GRADE_PASSED_FIRST_TIME")
USER_RETIRE_LMS_MISC = signal("openedx.core.djangoapps.user_api.accounts.signals", "USER_RETIRE_LMS_MISC")
USER_RETIRE_LMS_CRITICAL = signal("openedx.core.djangoapps.user_api.accounts.signals", "USER_RETIRE_LMS_CRITICAL")
ROW_SAVED = post_save

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

_impatient_until = 0.0


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


# --- the receivers ---------------------------------------------------------------------------------------------------


def notice(reason: Reason, read: Callable[..., tuple[Any, Any]]) -> Callable[..., None]:
    """Return a receiver that appends a notice and never fails the learner's request.

    ``read`` extracts user id and course key from the signal; without a user id nothing is noticed. The receiver returns
    None, since openedx-events logs what receivers return.
    """

    def note(carried: dict[str, Any]) -> None:
        user_id, course_key = read(**carried) if config.is_on() else (None, None)
        if user_id:
            append(int(user_id), stored_key(course_key), reason)
            wake.on_commit()

    def receiver(sender: Any = None, **carried: Any) -> None:
        wake.contained(reason, lambda: note(carried))

    return receiver


def _of(data: Any) -> tuple[Any, Any]:
    return data.user.id, data.course.course_key


def _completion(instance: Any, raw: bool = False, **_: Any) -> tuple[Any, Any]:
    """Ignore fixtures, and learning contexts that are not courses."""
    is_course = not raw and getattr(instance.context_key, "is_course", False)
    return (instance.user_id, instance.context_key) if is_course else (None, None)


# Enrolled, or enrolled again.
enrollment_created = notice(Reason.ENROLLMENT, lambda enrollment, **_: _of(enrollment))
# The mode of an enrollment changed: it may be one that is reported now, and other units may be locked.
mode_changed = notice(Reason.MODE, lambda user, course_key, **_: (user.pk, course_key))
# A course grade was recomputed, changed or not.
grade_changed = notice(Reason.GRADE, lambda grade, **_: (grade.user_id, grade.course.course_key))
# A regrade ended above or below the pass mark.
passing_status_updated = notice(Reason.PASSING, lambda course_passing_status, **_: _of(course_passing_status))
# Passed for the first time; the timestamp is saved only after this signal.
passed_first_time = notice(Reason.FIRST_PASS, lambda user_id, course_id, **_: (user_id, course_id))
# A certificate was saved in a passing state, for the first or any further time.
certificate_created = notice(Reason.CERTIFICATE, lambda certificate, **_: _of(certificate))
# A certificate was revoked.
certificate_revoked = notice(Reason.REVOCATION, lambda certificate, **_: _of(certificate))
# A block's completion changed.
block_completed = notice(Reason.COMPLETION, _completion)
# A single-sign-on link appeared or changed: a learner who could not be named may be nameable now.
sso_link_saved = notice(
    Reason.SSO_LINK, lambda instance, raw=False, **_: (None if raw else instance.user_id, EVERY_COURSE)
)
# The platform retires an account: erase everything about it.
learner_retired = notice(Reason.RETIREMENT, lambda user, **_: (user.id, EVERY_COURSE))
