"""Tracking events of grades, and the passing status event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.djangoapps.track.contexts import course_context_from_course_id
from common.djangoapps.track.event_transaction_utils import (
    get_event_transaction_id,
    get_event_transaction_type,
)
from django.contrib.auth.models import User
from eventtracking import tracker
from opaque_keys.edx.keys import CourseKey
from openedx_events.learning.data import CourseData, CoursePassingStatusData, UserData, UserPersonalData
from openedx_events.learning.signals import COURSE_PASSING_STATUS_UPDATED

if TYPE_CHECKING:
    from .models import PersistentCourseGrade

GRADE_CALCULATED = "edx.grades.course.grade_calculated"
PASSED_FIRST_TIME = "edx.course.grade.passed.first_time"
SUBSECTION_CALCULATED = "edx.grades.subsection.grade_calculated"
NOW_PASSED = "edx.course.grade.now_passed"
NOW_FAILED = "edx.course.grade.now_failed"


def _transaction() -> dict[str, str]:
    # Text, also for "there is none": the platform's events carry the word None.
    return {
        "event_transaction_id": str(get_event_transaction_id()),
        "event_transaction_type": str(get_event_transaction_type()),
    }


def _emit(name: str, course_id: CourseKey, data: dict[str, Any]) -> None:
    with tracker.get_tracker().context(name, course_context_from_course_id(course_id)):
        tracker.emit(name, data)


def course_grade_calculated(grade: PersistentCourseGrade) -> None:
    """Sent at every computation."""
    data = {
        "user_id": str(grade.user_id),
        "course_id": str(grade.course_id),
        "course_version": str(grade.course_version),
        "percent_grade": grade.percent_grade,
        "letter_grade": str(grade.letter_grade),
        "course_edited_timestamp": str(grade.course_edited_timestamp),
        "grading_policy_hash": str(grade.grading_policy_hash),
        **_transaction(),
    }
    _emit(GRADE_CALCULATED, grade.course_id, data)


def subsection_grade_calculated(user_id: int, course_id: CourseKey, usage_id: str) -> None:
    """Sent at every grading of a subsection; of its fields, those that say whose and where."""
    data = {"user_id": str(user_id), "course_id": str(course_id), "block_id": usage_id, **_transaction()}
    _emit(SUBSECTION_CALCULATED, course_id, data)


def _pass_or_fail(name: str, user_id: int, course_id: CourseKey) -> None:
    _emit(name, course_id, {"user_id": str(user_id), "course_id": str(course_id), **_transaction()})


def course_grade_passed_first_time(user_id: int, course_id: CourseKey) -> None:
    """Sent once for a learner and a course run."""
    _pass_or_fail(PASSED_FIRST_TIME, user_id, course_id)


def course_grade_now(is_passing: bool, user: User, course_id: CourseKey) -> None:
    """Sent at every computation: the tracking event, then the openedx event."""
    _pass_or_fail(NOW_PASSED if is_passing else NOW_FAILED, user.id, course_id)
    COURSE_PASSING_STATUS_UPDATED.send_event(
        course_passing_status=CoursePassingStatusData(
            is_passing=is_passing,
            course=CourseData(course_key=course_id),
            user=UserData(
                id=user.id,
                is_active=user.is_active,
                pii=UserPersonalData(username=user.username, email=user.email, name=user.get_full_name()),
            ),
        )
    )
