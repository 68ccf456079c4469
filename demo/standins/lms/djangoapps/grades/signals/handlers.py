"""The platform's own receivers of grade and enrolment signals."""

from __future__ import annotations

from typing import Any

from common.djangoapps.student.signals import ENROLLMENT_TRACK_UPDATED
from common.djangoapps.track.event_transaction_utils import (
    get_event_transaction_id,
    get_event_transaction_type,
)
from django.contrib.auth.models import User
from django.dispatch import receiver
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.signals.signals import COURSE_GRADE_NOW_FAILED, COURSE_GRADE_NOW_PASSED

from lms.djangoapps.grades import events
from lms.djangoapps.grades.signals.signals import PROBLEM_WEIGHTED_SCORE_CHANGED, SUBSECTION_SCORE_CHANGED

# Seconds between an answer and its grading.
RECALCULATE_GRADE_DELAY_SECONDS = 2


@receiver(COURSE_GRADE_NOW_PASSED)
def now_passed(user: User, course_id: CourseKey, **kwargs: Any) -> None:
    """Tracking and openedx event of a passing grade."""
    events.course_grade_now(True, user, course_id)


@receiver(COURSE_GRADE_NOW_FAILED)
def now_failed(user: User, course_id: CourseKey, **kwargs: Any) -> None:
    """Tracking and openedx event of a failing grade."""
    events.course_grade_now(False, user, course_id)


@receiver(PROBLEM_WEIGHTED_SCORE_CHANGED)
def enqueue_subsection_update(user_id: int, course_id: str, usage_id: str, **kwargs: Any) -> None:
    """Grade the answer in a worker, a little later."""
    from lms.djangoapps.grades.tasks import recalculate_subsection_grade_v3

    recalculate_subsection_grade_v3.apply_async(
        kwargs={
            "user_id": user_id,
            "course_id": course_id,
            "usage_id": usage_id,
            "event_transaction_id": str(get_event_transaction_id()),
            "event_transaction_type": str(get_event_transaction_type()),
        },
        countdown=RECALCULATE_GRADE_DELAY_SECONDS,
    )


@receiver(SUBSECTION_SCORE_CHANGED)
def recalculate_course_grade_only(user: User, course: Any, **kwargs: Any) -> None:
    """The course's grade follows its subsection's, in the same task."""
    from lms.djangoapps.grades.course_grade_factory import CourseGradeFactory

    CourseGradeFactory().update(user, course=course)


@receiver(ENROLLMENT_TRACK_UPDATED)
def recalculate_course_and_subsection_grades(
    user: User, course_key: CourseKey, countdown: int | None = None, **kwargs: Any
) -> None:
    """Grade the learner again after a change of mode."""
    from lms.djangoapps.grades.tasks import recalculate_course_and_subsection_grades_for_user

    recalculate_course_and_subsection_grades_for_user.apply_async(
        kwargs={"user_id": user.id, "course_key": str(course_key)}, countdown=countdown
    )
