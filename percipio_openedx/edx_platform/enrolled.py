"""Who is enrolled where."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count

from percipio_openedx.data import Enrollment
from percipio_openedx.edx_platform.door import parsed, platform


def enrollments(course_key: str, user_ids: Iterable[int]) -> dict[int, Enrollment]:
    """Enrollment rows by learner, active or not. One query."""
    with platform("student.models.CourseEnrollment"):
        from common.djangoapps.student.models import CourseEnrollment

        rows = CourseEnrollment.objects.filter(user_id__in=user_ids, course_id=parsed(course_key))
        return {
            user_id: Enrollment(created=created, is_active=is_active, mode=mode)
            for user_id, created, is_active, mode in rows.values_list("user_id", "created", "is_active", "mode")
            if created is not None
        }


def enrollment_counts(user_id: int | None = None) -> dict[str, int]:
    """Every course run that anybody (or one learner) was ever enrolled in, with the number of rows. One query."""
    with platform("student.models.CourseEnrollment"):
        from common.djangoapps.student.models import CourseEnrollment

        rows = CourseEnrollment.objects.order_by() if user_id is None else _of_user(CourseEnrollment, user_id)
        counted = rows.values_list("course_id").annotate(Count("id"))
        return {str(key): count for key, count in counted.iterator()}


def courses_of(user_ids: Iterable[int]) -> dict[int, set[str]]:
    """The course runs that these learners were ever enrolled in. One query."""
    with platform("student.models.CourseEnrollment"):
        from common.djangoapps.student.models import CourseEnrollment

        found: dict[int, set[str]] = {}
        rows = CourseEnrollment.objects.filter(user_id__in=user_ids).order_by()
        for user_id, key in rows.values_list("user_id", "course_id"):
            found.setdefault(user_id, set()).add(str(key))
        return found


def enrollments_after(
    course_key: str, after: int, limit: int, user_id: int | None = None
) -> list[tuple[int, int, datetime | None]]:
    """Enrollment id, user id and time of creation, in the order of the ids (which the course's index serves)."""
    with platform("student.models.CourseEnrollment"):
        from common.djangoapps.student.models import CourseEnrollment

        rows = CourseEnrollment.objects.order_by() if user_id is None else _of_user(CourseEnrollment, user_id)
        rows = rows.filter(course_id=parsed(course_key), id__gt=after).order_by("id")
        return list(rows.values_list("id", "user_id", "created")[:limit])


def _of_user(model: Any, user_id: int) -> Any:
    return model.objects.filter(user_id=user_id).order_by()
