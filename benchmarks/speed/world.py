"""The LMS that is measured on: one course run, many learners, and what they did. Run once for each database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

ORG = "BenchX"
COURSE = f"course-v1:{ORG}+CS101+2026"
PAST = f"course-v1:{ORG}+CS102+2026"  # in which the first of the idle learners have enrolled, too
PAST_LEARNERS = 2000
LEARNERS = 10_000
FIRST = 1001  # the first learner's user id
IDLE = FIRST + LEARNERS // 2  # from here on they have enrolled and nothing else
BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def main() -> None:
    """Tables, the course run and its learners: half of them active and graded, of those every second passed."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import transaction

    call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)
    with transaction.atomic():
        _sites()
        for course_key in (COURSE, PAST):
            _course(course_key)
        _learners()


def _sites() -> None:
    from django.contrib.sites.models import Site

    Site.objects.get_or_create(pk=1, defaults={"domain": "academy.demo.local", "name": "academy"})


def _course(course_key: str) -> None:
    from opaque_keys.edx.keys import CourseKey
    from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache

    from demo.learning.models import StoredBlock, StoredCourse
    from percipio_openedx.edx_platform import course

    key = CourseKey.from_string(course_key)
    stored = StoredCourse.objects.create(
        course_key=key, display_name="Cloud Foundations", version="0" * 24, edited_on=BEGAN, language="en"
    )
    parent = None
    for kind in ("chapter", "sequential"):
        parent = StoredBlock.objects.create(
            course=stored, parent=parent, usage_key=key.make_usage_key(kind, "one"), block_type=kind, position=0
        )
    for number in range(10):
        unit = StoredBlock.objects.create(
            course=stored,
            parent=parent,
            usage_key=key.make_usage_key("vertical", f"unit{number}"),
            block_type="vertical",
            position=number,
        )
        StoredBlock.objects.create(
            course=stored,
            parent=unit,
            usage_key=key.make_usage_key("problem", f"problem{number}"),
            block_type="problem",
            position=0,
            weight=1.0,
        )
    update_course_in_cache(key)
    course(course_key)


def _learners() -> None:
    from common.djangoapps.student.models import CourseEnrollment, UserProfile
    from completion.models import BlockCompletion
    from django.contrib.auth import get_user_model
    from lms.djangoapps.grades.models import PersistentCourseGrade
    from opaque_keys.edx.keys import CourseKey

    key, users = CourseKey.from_string(COURSE), get_user_model()
    ids = range(FIRST, FIRST + LEARNERS)
    _insert(users, [users(pk=n, username=f"learner{n}", email=f"learner{n}@example.com", password="!") for n in ids])
    _insert(UserProfile, [UserProfile(user_id=n, name=f"Learner {n}") for n in ids])
    _insert(CourseEnrollment, [CourseEnrollment(user_id=n, course_id=key, is_active=True, mode="audit") for n in ids])
    past, then = CourseKey.from_string(PAST), range(IDLE, IDLE + PAST_LEARNERS)
    _insert(CourseEnrollment, [CourseEnrollment(user_id=n, course_id=past, is_active=True, mode="audit") for n in then])
    block, active = key.make_usage_key("problem", "problem0"), range(FIRST, IDLE)
    _insert(
        BlockCompletion,
        [
            BlockCompletion(user_id=n, context_key=key, block_key=block, block_type="problem", completion=1.0)
            for n in active
        ],
    )
    _insert(
        PersistentCourseGrade,
        [
            PersistentCourseGrade(
                user_id=n,
                course_id=key,
                grading_policy_hash="x",
                percent_grade=0.8 if n % 2 else 0.3,
                letter_grade="Pass" if n % 2 else "",
                passed_timestamp=BEGAN + timedelta(minutes=n) if n % 2 else None,
            )
            for n in active
        ],
    )


def _insert(model: Any, rows: Sequence[Any]) -> None:
    model.objects.bulk_create(rows, batch_size=2000)


def forget_reports() -> None:
    """No statement, no notice, nobody observed: as before the plugin's first day."""
    from django.core.cache import cache
    from django.db import connection

    from percipio_openedx import models

    cache.clear()
    names = ("DeliveryAttempt", "Statement", "TopicTerm", "LearnerCourse", "Notice", "Destination")
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET SESSION foreign_key_checks = 0")
        for name in names:
            table = getattr(models, name)._meta.db_table
            cursor.execute(f"TRUNCATE TABLE {table}" if connection.vendor == "mysql" else f"DELETE FROM {table}")
        if connection.vendor == "mysql":
            cursor.execute("SET SESSION foreign_key_checks = 1")


def notices(count: int, first: int = FIRST) -> None:
    """A notice of each of so many learners, due now."""
    from percipio_openedx.models import Notice

    _insert(
        Notice,
        [
            Notice(user_id=n, course_key=COURSE, reason="enrollment", noticed_at=BEGAN)
            for n in range(first, first + count)
        ],
    )


def get_learner() -> Any:
    """One who has not passed."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get(pk=FIRST + 1)


if __name__ == "__main__":
    main()
