"""What an instructor can do to a learner's answers."""

from __future__ import annotations

from common.djangoapps.track.event_transaction_utils import begin_event_transaction
from django.contrib.auth.models import User
from eventtracking import tracker
from opaque_keys.edx.keys import CourseKey, UsageKey

from lms.djangoapps.courseware.models import StudentModule
from lms.djangoapps.grades.signals.signals import PROBLEM_WEIGHTED_SCORE_CHANGED

STATE_DELETED = "edx.grades.problem.state_deleted"


def reset_student_attempts(
    course_id: CourseKey, student: User, module_state_key: UsageKey, requesting_user: User, delete_module: bool = False
) -> None:
    """Take a learner's answer away: with `delete_module` the block is no longer complete, and the grade may fall."""
    rows = StudentModule.objects.filter(student=student, course_id=course_id, module_state_key=module_state_key)
    if not delete_module:
        rows.update(state="{}")
        return
    rows.delete()
    begin_event_transaction(STATE_DELETED)
    tracker.emit(
        STATE_DELETED,
        {
            "user_id": str(student.id),
            "course_id": str(course_id),
            "problem_id": str(module_state_key),
            "instructor_id": str(requesting_user.id),
        },
    )
    PROBLEM_WEIGHTED_SCORE_CHANGED.send(
        sender=None,
        weighted_earned=0,
        weighted_possible=0,
        user_id=student.id,
        course_id=str(course_id),
        usage_id=str(module_state_key),
        only_if_higher=False,
        modified=None,
        score_db_table="csm",
        score_deleted=True,
        grader_response=None,
    )
