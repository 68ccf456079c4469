"""What learners did in a course run, by course and in bulk: activity, grades, certificates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Max, Min

from percipio_openedx.data import Activity, Certificate, Grade
from percipio_openedx.edx_platform.door import parsed, platform
from percipio_openedx.keys import among


@platform("completion.models.BlockCompletion")
def activities(course_key: str, user_ids: Iterable[int]) -> dict[int, Activity]:
    """First and latest recorded completion by learner, without the time on task. One query."""
    from completion.models import BlockCompletion

    rows = (
        BlockCompletion.objects.filter(among("user_id", user_ids), context_key=parsed(course_key))
        .values("user_id")
        .annotate(first=Min("created"), last=Max("modified"), count=Count("id"))
        .values_list("user_id", "first", "last", "count")
        .order_by()
    )
    return {
        user_id: Activity(first=first, last=last, version=f"{count}@{last.timestamp():.6f}")
        for user_id, first, last, count in rows
    }


@platform("completion.models.BlockCompletion")
def activity_times(course_key: str, user_ids: Iterable[int]) -> dict[int, list[datetime]]:
    """Every recorded moment of activity by learner, in order. One query; for the few who have something to report."""
    from completion.models import BlockCompletion

    found: dict[int, list[datetime]] = {}
    rows = BlockCompletion.objects.filter(among("user_id", user_ids), context_key=parsed(course_key))
    for user_id, created, modified in rows.values_list("user_id", "created", "modified").iterator(chunk_size=5000):
        found.setdefault(user_id, []).extend((created, modified))
    return {user_id: sorted(times) for user_id, times in found.items()}


def grades(course_key: str, user_ids: Iterable[int]) -> dict[int, Grade]:
    """Stored course grades by learner. One query.

    The row and not ``CourseGradeFactory().read``: that costs a query each, and computes nothing more.
    """
    with platform("grades.models.PersistentCourseGrade"):
        from lms.djangoapps.grades.models import PersistentCourseGrade

        rows = PersistentCourseGrade.objects.filter(among("user_id", user_ids), course_id=parsed(course_key))
        columns = ("user_id", "percent_grade", "letter_grade", "passed_timestamp", "modified")
        return {
            user_id: Grade(fraction=percent, passing=bool(letter), passed_at=passed_at, changed=modified)
            for user_id, percent, letter, passed_at, modified in rows.values_list(*columns)
        }


def certificates(course_key: str, user_ids: Iterable[int]) -> dict[int, Certificate]:
    """Course certificates by learner. One query. Held means that it can be shown (``downloadable``)."""
    with platform("certificates.models.GeneratedCertificate"):
        from lms.djangoapps.certificates.data import CertificateStatuses
        from lms.djangoapps.certificates.models import GeneratedCertificate

        rows = GeneratedCertificate.objects.filter(among("user_id", user_ids), course_id=parsed(course_key))
        columns = ("user_id", "created_date", "modified_date", "status")
        return {
            user_id: Certificate(created=created, is_held=status == CertificateStatuses.downloadable, changed=modified)
            for user_id, created, modified, status in rows.values_list(*columns)
        }
