"""What the operator's pages cost on MariaDB with a million statements: ``python -m benchmarks.admin``.

Makes a database of its own, opens every page as a browser would, and prints how many queries each took, how many index
entries and rows the server read (its ``Handler_read`` counters), and how long the page took. Needs MariaDB with its
sequence engine; the database is dropped at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import timedelta
from typing import Any

from benchmarks.pull import completed, handler_reads, scratch_database

# Statements of a learner in a course, courses, and the learner who is looked for.
EACH = 10
COURSES = 200
LEARNER = 4242
SECONDS_APART = 10


def main() -> None:
    """Parse the command line, fill the database, open the pages, print."""
    parser = argparse.ArgumentParser(description="Cost of the operator's pages.")
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--database", default="mysql://root@127.0.0.1:3306/percipio_bench_admin")
    options = parser.parse_args()
    os.environ["PERCIPIO_TEST_DATABASE_URL"] = options.database
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    with scratch_database():
        began = time.monotonic()
        fill(options.statements)
        print(f"{options.statements} statements made in {time.monotonic() - began:.0f} s\n")
        report()


def fill(count: int) -> None:
    """Learners in courses, and their statements up to now: one in 500 parked, one in 1,000 waiting."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.utils import timezone

    from percipio_openedx.models import Destination, StatementLedger

    now = timezone.now()
    began = now - timedelta(seconds=count * SECONDS_APART)
    for site_id in (1, 2):
        Destination.objects.create(pk=site_id, site_id=site_id)
        StatementLedger.objects.create(site_id=site_id, last_stored_at=now)
    learners = max(LEARNER, count // EACH // 5) + 10
    get_user_model().objects.bulk_create(
        [
            get_user_model()(pk=number, username=f"learner{number}", email=f"learner{number}@example.com")
            for number in range(1, learners)
        ],
        batch_size=5000,
    )
    values: dict[str, Any] = {
        "began": began.replace(tzinfo=None),
        "each": EACH,
        "courses": COURSES,
        "apart": SECONDS_APART,
        "body": BODY,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
        cursor.execute(completed(PAIRS), {**values, "last": count // EACH + 1})
        for start in range(1, count + 1, 100_000):
            cursor.execute(completed(STATEMENTS), {**values, "first": start, "last": min(start + 99_999, count)})
        cursor.execute("SET SESSION foreign_key_checks = 1, unique_checks = 1")
        for table in ("statement", "learnercourse"):
            cursor.execute(f"ANALYZE TABLE percipio_openedx_{table}")
            cursor.fetchall()


BODY = json.dumps({"id": "x", "padding": "x" * 1200})

# Pair n is course n mod 200 of learner n div 5; every tenth is held back.
PAIRS = """
INSERT INTO percipio_openedx_learnercourse
  (id, user_id, course_key, site_id, registration, reported_started, reported_percent, reported_passed,
   reported_completed, reported_passed_round, reported_completed_round, sequence, activity_version, hold_reason,
   observed_at)
SELECT seq, seq DIV 5 + 1, CONCAT('course-v1:Org+C', seq MOD %(courses)s, '+R'), seq MOD 2 + 1, UUID(), 1, 0, 0, 0,
  0, 0, %(each)s, '', IF(seq MOD 10 = 0, 'no_sso_link', ''), %(began)s + INTERVAL seq * %(apart)s * %(each)s SECOND
FROM seq_1_to_1000000000 WHERE seq <= %(last)s
"""

# A thousand learners in courses are at work together, so that a learner's statements lie far apart.
STATEMENTS = """
INSERT INTO percipio_openedx_statement
  (id, uuid, learner_course_id, sequence, course_key, site_id, kind, value, registration, verb, actor_key, topic,
   happened_at, stored_at, body, destination_id, state, due_at, attempts, status, answer, in_doubt, built_by)
SELECT seq, UUID(), pair, step, CONCAT('course-v1:Org+C', pair MOD %(courses)s, '+R'), pair MOD 2 + 1, kind, '',
  UUID(),
  CONCAT('http://adlnet.gov/expapi/verbs/',
    CASE kind WHEN 'started' THEN 'initialized' WHEN 'retracted' THEN 'voided' ELSE kind END),
  MD5(pair), CONCAT('00000000-0000-0000-0000-', LPAD(LOWER(HEX(pair MOD %(courses)s)), 12, '0')), at, at,
  %(body)s, pair MOD 2 + 1, state, at, 1,
  CASE state WHEN 'delivered' THEN 200 WHEN 'parked' THEN 400 ELSE NULL END, '', 0, ''
FROM (
  SELECT seq, seq DIV (1000 * %(each)s) * 1000 + seq MOD 1000 + 1 AS pair, seq DIV 1000 MOD %(each)s + 1 AS step,
    %(began)s + INTERVAL seq * %(apart)s SECOND AS at,
    CASE WHEN seq MOD 5000 = 0 THEN 'retracted' ELSE
      ELT(seq DIV 1000 MOD %(each)s + 1, 'started', 'progressed', 'progressed', 'progressed', 'progressed',
        'progressed', 'progressed', 'progressed', 'passed', 'completed') END AS kind,
    CASE WHEN seq MOD 500 = 0 THEN 'parked' WHEN seq MOD 1000 = 1 THEN 'waiting' ELSE 'delivered' END AS state
  FROM seq_1_to_1000000000 WHERE seq BETWEEN %(first)s AND %(last)s
) AS rows_made
"""


def pages(learner: int = LEARNER) -> dict[str, str]:
    """Every page whose cost could grow with the table, by a name.

    Arguments:
        learner: the number of the one who is looked for.
    """
    from django.urls import reverse

    from percipio_openedx.models import Statement

    statements = reverse("admin:percipio_openedx_statement_changelist")
    course = "course-v1:Org%2BC8%2BR"
    uuid = Statement.objects.order_by("pk").values_list("uuid", flat=True)[100]
    queries = {
        "all": "",
        "page 100": "p=100",
        "site": "site=2",
        "delivered": "state=delivered",
        "parked": "state=parked",
        "waiting": "state=waiting",
        "parked, of a site": "state=parked&site=2",
        "being sent (none)": "state=sending",
        "refused": "outcome=refused",
        "put off by 429 (none)": "outcome=throttled",
        "verb, frequent": "verb=progressed",
        "verb, rare": "verb=retracted",
        "last hour": "time=hour",
        "last 30 days": "time=month",
        "course": f"course={course}",
        "course, parked": f"course={course}&state=parked",
        "learner by username": f"q=learner{learner}",
        "learner by email": f"q=learner{learner}@example.com",
        "learner by id": f"q={learner}",
        "many learners": "q=learner4",
        "nobody": "q=nobody",
        "statement by id": f"q={uuid}",
    }
    found = {f"statements: {name}": f"{statements}?{query}" for name, query in queries.items()}
    found["learners in courses"] = reverse("admin:percipio_openedx_learnercourse_changelist")
    found["learners in courses: held"] = found["learners in courses"] + "?hold=no_sso_link"
    found["learner view"] = reverse("admin:percipio_openedx_learner") + f"?q=learner{learner}"
    found["learner view: course"] = reverse("admin:percipio_openedx_learner") + f"?q={course}"
    found["overview, counted anew"] = reverse("admin:percipio_openedx_overview") + "?fresh"
    found["overview"] = reverse("admin:percipio_openedx_overview")
    return found


def report() -> None:
    """A line for each page."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    client: Any = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    print(f"| {'page':37} | queries | index entries and rows read | ms    |")
    print(f"|{'-' * 39}|---------|-----------------------------|-------|")
    for name, url in pages().items():
        client.get(url)
        queries, reads, milliseconds = measured(client, url)
        print(f"| {name:37} | {queries:7} | {reads:27} | {milliseconds:5.0f} |")


def measured(client: Any, url: str) -> tuple[int, int, float]:
    """Open a page, and ask the server what it did."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    before, began = handler_reads(), time.monotonic()
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
        queries = len(captured)
    milliseconds = (time.monotonic() - began) * 1000
    if response.status_code != 200:
        raise RuntimeError(f"{url} answered {response.status_code}")
    return queries, handler_reads() - before, milliseconds


if __name__ == "__main__":
    main()
