"""The rows of ``benchmarks/growth.py``: statements by the million, of learners in courses, in the server's own SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import pull

AT_ONCE = 250_000
BODY = '{"id": "x", "actor": {"mbox": "mailto:a@example.com"}}'
TABLES = ("statement", "topicterm", "learnercourse", "statementledger", "destination")


def fill(count: int, waiting: int) -> None:
    """So many statements instead of those that are there, the indexes made after them; the newest ones wait."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
        for table in TABLES:
            cursor.execute(f"TRUNCATE TABLE percipio_openedx_{table}")
        pull.make_topics()
        cursor.execute("DELETE FROM percipio_openedx_learnercourse")
        pairs = (count // pull.BLOCK + 1) * pull.TOGETHER
        cursor.execute(USERS, {"last": pairs // 5 + 1})
        cursor.execute(pull.completed(PAIRS), {**pull.PARTS, "last": pairs})
        with _index_afterwards(cursor):
            for start in range(1, count + 1, AT_ONCE):
                last = min(start + AT_ONCE - 1, count)
                cursor.execute(pull.completed(pull.INSERT), {**pull.PARTS, "body": BODY, "first": start, "last": last})
            cursor.execute("UPDATE percipio_openedx_statement SET state = 'parked' WHERE id MOD 500 = 0")
            cursor.execute(
                "UPDATE percipio_openedx_statement SET state = 'waiting', due_at = stored_at, settled_at = NULL "
                "WHERE id > %s",
                [count - waiting],
            )
        cursor.execute("SET SESSION foreign_key_checks = 1, unique_checks = 1")
        for table in TABLES:
            cursor.execute(f"ANALYZE TABLE percipio_openedx_{table}")
            cursor.fetchall()


@contextmanager
def _index_afterwards(cursor: Any) -> Iterator[None]:
    """Without the table's indexes; then they are made by sorting, many times faster than row by row."""
    cursor.execute(
        "SELECT index_name, MIN(non_unique), GROUP_CONCAT(column_name ORDER BY seq_in_index) "
        "FROM information_schema.statistics WHERE table_schema = DATABASE() "
        "AND table_name = 'percipio_openedx_statement' AND index_name <> 'PRIMARY' GROUP BY index_name"
    )
    indexes = cursor.fetchall()
    drops = ", ".join(f"DROP INDEX {name}" for name, _, _ in indexes)
    cursor.execute(f"ALTER TABLE percipio_openedx_statement {drops}")
    yield
    adds = ", ".join(f"ADD {'' if other else 'UNIQUE '}INDEX {name} ({columns})" for name, other, columns in indexes)
    cursor.execute(f"ALTER TABLE percipio_openedx_statement {adds}")


USERS = """
INSERT IGNORE INTO auth_user
  (id, username, email, password, first_name, last_name, is_superuser, is_staff, is_active, date_joined)
SELECT seq, CONCAT('learner', seq), CONCAT('learner', seq, '@example.com'), '!', '', '', 0, 0, 1, '2026-01-01'
FROM seq_1_to_1000000000 WHERE seq <= %(last)s
"""

# As pull.INSERT numbers them.
PAIRS = """
INSERT INTO percipio_openedx_learnercourse
  (id, user_id, course_key, site_id, registration, reported_started, reported_percent, reported_passed,
   reported_completed, reported_passed_round, reported_completed_round, sequence, activity_version, hold_reason)
SELECT seq, (seq - 1) DIV 5 + 1, CONCAT('course-v1:Org+C', ((seq - 1) * 31) MOD %(courses)s, '+R'), %(site)s, UUID(),
  1, 0, 0, 0, 0, 0, %(steps)s, '', IF(seq MOD 10 = 0, 'no_sso_link', '')
FROM seq_1_to_1000000000 WHERE seq <= %(last)s
"""
