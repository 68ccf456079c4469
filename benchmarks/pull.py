"""What a page of the statement resource costs on MariaDB, by every filter: ``python -m benchmarks.pull``.

Makes a database of its own with a million statements, asks each question where the pages lie worst, and prints how many
index entries and rows the server read (its ``Handler_read`` counters), the processor's time that composing and reading
the page took here, and the plan of each query. Needs MariaDB with its sequence engine; the database is dropped at the
end.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

PAGE = 100
COURSES = 200
STEPS = 14  # statements of a learner in a course: started, eleven of progress, passed, completed
TOGETHER = 5000  # learners' courses that are at work together
BLOCK = TOGETHER * STEPS  # their statements
SITE = 1
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("started", "progressed", "passed", "completed", "retracted")
TEACHER = {"account": {"homePage": "https://academy.example.com", "name": "instructor:ada"}}
ANOTHER_TEACHER = {"account": {"homePage": "https://academy.example.com", "name": "instructor:grace"}}


def main() -> None:
    """Parse the command line, fill the database, ask, print."""
    parser = argparse.ArgumentParser(description="Cost of a page of the statement resource.")
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--database", default="mysql://root@127.0.0.1:3306/percipio_bench_pull")
    parser.add_argument("--plans", action="store_true", help="print the plan of each query, too")
    options = parser.parse_args()
    os.environ["PERCIPIO_TEST_DATABASE_URL"] = options.database
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    with scratch_database():
        began = time.monotonic()
        fill(options.statements)
        print(f"{options.statements} statements made in {time.monotonic() - began:.0f} s\n")
        report(options.statements, options.plans)


@contextmanager
def scratch_database() -> Iterator[None]:
    """An empty database with the project's tables."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def fill(count: int) -> None:
    """Statements of learners in courses, mixed as they arrive; of those of one course all completions are voided."""
    from django.db import connection

    make_topics()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
        for start in range(1, count + 1, 100_000):
            cursor.execute(completed(INSERT), {**PARTS, "first": start, "last": min(start + 99_999, count)})
        cursor.execute("SET SESSION foreign_key_checks = 1, unique_checks = 1")
        for table in ("statement", "topicterm"):
            cursor.execute(f"ANALYZE TABLE percipio_openedx_{table}")
            cursor.fetchall()


def completed(insert: str) -> str:
    """Name the columns that an INSERT ... SELECT leaves out, each with the default of its field.

    Returns the statement; those that may be null stay unnamed.
    """
    from django.apps import apps

    table, named = re.search(r"INTO (\w+)\s+\(([^)]*)\)", insert).groups()  # type: ignore[union-attr]
    model = next(model for model in apps.get_app_config("percipio_openedx").get_models() if model._meta.db_table == table)
    columns = {field.column: field for field in model._meta.fields if not field.null and not field.primary_key}
    left_out = sorted(columns.keys() - {column.strip() for column in named.split(",")})
    values = [columns[column].get_default() for column in left_out]
    assert all(value == "" or isinstance(value, int) for value in values), f"give {table} a value for {left_out}"
    names = "".join(f"{column}, " for column in left_out)
    given = "".join("'', " if value == "" else f"{int(value)}, " for value in values)
    return insert.replace(named, names + named, 1).replace(")\nSELECT ", f")\nSELECT {given}", 1)


def make_topics() -> None:
    """A topic for each course and verb, in the order of their numbers."""
    from percipio_openedx.models import Destination, LearnerCourse, StatementLedger, TopicTerm
    from percipio_openedx.statements.ids import terms_of

    Destination.objects.create(pk=1, site_id=SITE)
    LearnerCourse.objects.create(pk=1, user_id=1, course_key="x", site_id=SITE, registration=registration_of(0, 0))
    StatementLedger.objects.create(site_id=SITE, last_stored_at=BEGAN + timedelta(days=300))
    rows: list[TopicTerm] = []
    for course in range(COURSES):
        completed = terms_of(statement(course, "completed"))
        for place, kind in enumerate(KINDS):
            terms = terms_of(statement(course, kind)) | (completed if kind == "retracted" else frozenset())
            topic = UUID(int=course * len(KINDS) + place + 1)
            rows.extend(TopicTerm(topic=topic, site_id=SITE, term=term) for term in terms)
    TopicTerm.objects.bulk_create(rows, batch_size=2000)


def statement(course: int, kind: str) -> dict[str, Any]:
    """What the topic of a course's statements is made from."""
    from percipio_openedx.enums import Kind
    from percipio_openedx.statements.vocabulary import VERBS

    grouping = [{"id": grouping_id(course)}]
    context = {
        "instructor": TEACHER if course % 4 else ANOTHER_TEACHER,
        "contextActivities": {"grouping": grouping},
    }
    verb = {"id": VERBS[Kind(kind)]}
    if kind == "retracted":
        return {"verb": verb, "object": {"objectType": "StatementRef", "id": "x"}}
    return {"verb": verb, "object": {"id": course_id(course)}, "context": context}


def course_id(course: int) -> str:
    """The object of a course's statements."""
    return f"https://academy.example.com/catalog/{course}"


def grouping_id(course: int) -> str:
    """The course run in the context of its statements."""
    from percipio_openedx import config
    from percipio_openedx.statements.content import course_url

    return course_url(f"course-v1:Org+C{course}+R", config.lms_root())


def registration_of(learner: int, course: int) -> str:
    """As the SQL below makes it."""
    return f"00000000-0000-4000-8000-{learner * COURSES + course:012x}"


def address_of(learner: int) -> str:
    """A learner's address, also as the SQL below makes it."""
    return f"learner{learner}@example.com"


# Row n is step (n div 5000) mod 14 of one of 5,000 learner-courses that are at work together; a learner takes five
# courses. Of course 7 every completion is voided; every hundredth row takes back a completion of its course.
PARTS: dict[str, Any] = {
    "site": SITE,
    "courses": COURSES,
    "kinds": len(KINDS),
    "began": BEGAN.replace(tzinfo=None),
    "steps": STEPS,
    "body": json.dumps({"id": "x", "actor": {"mbox": "mailto:a@example.com"}, "padding": "x" * 1200})[:-1] + "}",
}
INSERT = """
INSERT INTO percipio_openedx_statement
  (id, uuid, learner_course_id, sequence, course_key, site_id, kind, value, registration, verb, actor_key, topic,
   happened_at, stored_at, settled_at, voided_by, body, destination_id, state, due_at, attempts, answer, in_doubt,
   built_by)
SELECT n, UUID(), pair + 1, step + 1, CONCAT('course-v1:Org+C', course, '+R'), %(site)s,
  ELT(k + 1, 'started', 'progressed', 'passed', 'completed', 'retracted'), '',
  CONCAT('00000000-0000-4000-8000-', LPAD(LOWER(HEX(learner * %(courses)s + course)), 12, '0')),
  CONCAT('http://adlnet.gov/expapi/verbs/', ELT(k + 1, 'initialized', 'progressed', 'passed', 'completed', 'voided')),
  SHA2(CONCAT('mbox\n', 'learner', learner, '@example.com'), 256),
  CONCAT('00000000-0000-0000-0000-', LPAD(LOWER(HEX(course * %(kinds)s + k + 1)), 12, '0')), %(began)s,
  %(began)s + INTERVAL n SECOND, %(began)s + INTERVAL n SECOND,
  IF(course = 7 AND k = 3, UUID(), NULL), %(body)s, 1, 'delivered', %(began)s, 1, '', 0, ''
FROM (
  SELECT n, course, step, pair, (pair DIV 5) AS learner,
    CASE WHEN n MOD 100 = 0 THEN 4 WHEN step = 0 THEN 0 WHEN step < 12 THEN 1 WHEN step = 12 THEN 2 ELSE 3 END AS k
  FROM (
    SELECT n, step, pair, (pair * 31) MOD %(courses)s AS course
    FROM (
      SELECT seq AS n, (seq DIV 5000) MOD %(steps)s AS step, (seq DIV 5000) DIV %(steps)s * 5000 + seq MOD 5000 AS pair
      FROM seq_1_to_1000000000 WHERE seq BETWEEN %(first)s AND %(last)s
    ) AS numbered
  ) AS paired
) AS statements
"""


@dataclass(frozen=True)
class Cost:
    """What one page took."""

    statements: int
    queries: int
    read: int
    milliseconds: float


def questions() -> dict[str, dict[str, str]]:
    """Every filter, and the combinations that do not follow from one of them."""
    from percipio_openedx.statements.vocabulary import ADL_VERBS

    agent = json.dumps({"mbox": f"mailto:{address_of(17)}"})
    pair = 17 * 5
    course = pair * 31 % COURSES
    return {
        "nothing": {},
        "verb, frequent": {"verb": f"{ADL_VERBS}progressed"},
        "verb, of those taken back": {"verb": f"{ADL_VERBS}completed"},
        "verb, unknown": {"verb": "http://example.com/none"},
        "activity": {"activity": course_id(3)},
        "activity, completions voided": {"activity": course_id(7), "verb": f"{ADL_VERBS}completed"},
        "activity and verb": {"activity": course_id(3), "verb": f"{ADL_VERBS}passed"},
        "activity, related": {"activity": grouping_id(3), "related_activities": "true"},
        "agent": {"agent": agent},
        "agent and verb": {"agent": agent, "verb": f"{ADL_VERBS}completed"},
        "agent and another activity": {"agent": agent, "activity": course_id(3)},
        "agent, related, a learner": {"agent": agent, "related_agents": "true"},
        "agent, related, a teacher": {"agent": json.dumps(TEACHER), "related_agents": "true"},
        "teacher and activity": {"agent": json.dumps(TEACHER), "related_agents": "true", "activity": course_id(3)},
        "registration": {"registration": registration_of(17, course)},
    }


def report(count: int, plans: bool) -> None:
    """A line for each question and place of the page."""
    print(f"| {'filter':30} | page      | statements | queries | index entries and rows read | ms   |")
    print(f"|{'-' * 32}|-----------|------------|---------|-----------------------------|------|")
    for name, parameters in questions().items():
        for place, share in (("first", 0.0), ("middle", 0.5), ("ascending", None)):
            cost = measured(parameters, count, share)
            print(
                f"| {name:30} | {place:9} | {cost.statements:10} | {cost.queries:7} | {cost.read:27} "
                f"| {cost.milliseconds:4.0f} |"
            )
    if plans:
        for name, parameters in questions().items():
            print(f"\n### {name}\n")
            print_plans(parameters, count)


def question(parameters: dict[str, str], count: int, share: float | None) -> tuple[Any, Any]:
    """The query, and the window of the page that begins after a share of all statements; None: oldest first."""
    from percipio_openedx.lrs.find import Window
    from percipio_openedx.lrs.query import query_of

    query = query_of({**parameters, "limit": str(PAGE)})
    newest = BEGAN + timedelta(seconds=count)
    if share is None:
        return query, Window(BEGAN - timedelta(days=1), newest, True)
    return query, Window(BEGAN - timedelta(days=1), newest - timedelta(seconds=int(count * share)), False)


def measured(parameters: dict[str, str], count: int, share: float | None) -> Cost:
    """Read one page, and ask the server what it did."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from percipio_openedx.lrs.find import page

    query, window = question(parameters, count, share)
    before, began = handler_reads(), time.process_time()
    result = page((SITE, ""), query, window, "")
    milliseconds, read = (time.process_time() - began) * 1000, handler_reads() - before
    with CaptureQueriesContext(connection) as captured:
        page((SITE, ""), query, window, "")
    return Cost(len(result.statements), len(captured), read, milliseconds)


def handler_reads() -> int:
    """Index entries and rows that the server has read for this connection (asking costs none)."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%%' AND Variable_name <> %s",
            ["Handler_read_rnd_deleted"],
        )
        return sum(int(value) for _, value in cursor.fetchall())


def print_plans(parameters: dict[str, str], count: int) -> None:
    """The server's plan for each query of a page."""
    from django.db import connection

    from percipio_openedx.lrs.find import page

    query, window = question(parameters, count, 0.5)
    asked: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        page((SITE, ""), query, window, "")
    for sql, params in asked:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}", params)
            names = [column[0] for column in cursor.description]
            for plan in cursor.fetchall():
                shown = dict(zip(names, plan, strict=True))
                print("    " + " ".join(f"{name}={shown[name]}" for name in ("table", "type", "key", "rows", "Extra")))
        print()


if __name__ == "__main__":
    main()
