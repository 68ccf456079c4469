"""Of whom a look would have nothing to tell: read and compared, with nothing leased and nothing written.

For whoever goes through everybody, most of whom were reported long ago. What is compared is what a look compares; only
the account is left out, since who has nothing to tell needs no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from percipio_openedx import edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, Course, Enrollment, Observed, Policy, Reported
from percipio_openedx.enums import Undone
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.reporting import milestones

NOTHING = Activity()


class _Row(NamedTuple):
    """What was told of a learner."""

    user_id: int
    reported: Reported


def settled(configuration: Configuration, course: Course | None, enrolled: Mapping[int, datetime]) -> set[int]:
    """Those of whom everything is told that is true now.

    Who was held back, or never looked at, is none of them; nor is anybody whose progress matters. What is remembered of
    it depends on more than can be compared here (cohorts, the rules of gating): whoever goes through everybody asks
    the platform's dear function once more.

    Arguments:
        configuration: of the course's site.
        course: the course run, None where the LMS does not know it.
        enrolled: learners, and when they were first enrolled in it.

    Raises:
        PlatformUnavailable: the platform could not be asked.
    """
    if course is None or not course.is_reported:
        return set()
    rows = list(_rows(course.key, enrolled))
    # Nothing is told after a completion, but that it was taken back.
    keeps = configuration.policy.undone is Undone.KEEP
    found = {row.user_id for row in rows if keeps and row.reported.completed}
    return found | _reported_all(
        course, configuration.policy, enrolled, [row for row in rows if row.user_id not in found]
    )


def _rows(course_key: str, user_ids: Iterable[int]) -> Iterable[_Row]:
    rows = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
    reported = ("started", "percent", "passed", "completed", "passed_round", "completed_round", "turned_at")
    columns = ("user_id", *(f"told_{name}" for name in reported))
    for user_id, *values in rows.filter(hold_reason="").values_list(*columns):
        yield _Row(user_id, Reported(*values))


def _reported_all(course: Course, policy: Policy, enrolled: Mapping[int, datetime], rows: list[_Row]) -> set[int]:
    if not rows:
        return set()
    user_ids = [row.user_id for row in rows]
    activities = edx_platform.activities(course.key, user_ids)
    grades = edx_platform.grades(course.key, user_ids)
    certificates = edx_platform.certificates(course.key, user_ids)
    found = set()
    for row in rows:
        user_id = row.user_id
        observed = Observed(
            enrollment=Enrollment(enrolled[user_id]),
            activity=activities.get(user_id, NOTHING),
            grade=grades.get(user_id),
            certificate=certificates.get(user_id),
            is_graded=course.is_graded,
        )
        if _is_reported(row, observed, policy):
            found.add(user_id)
    return found


def _is_reported(row: _Row, observed: Observed, policy: Policy) -> bool:
    waits = milestones.needs_percent(row.reported, observed, policy) or milestones.awaits_certificate(
        row.reported, observed, policy
    )
    return not waits and not milestones.due(row.reported, observed, policy)[1]
