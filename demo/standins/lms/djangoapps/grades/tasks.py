"""Grading in a worker."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery_utils.persist_on_failure import LoggedPersistOnFailureTask
from common.djangoapps.track.event_transaction_utils import set_event_transaction
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from xmodule.modulestore.django import modulestore

from lms.djangoapps.grades import events
from lms.djangoapps.grades.course_grade_factory import CourseGradeFactory
from lms.djangoapps.grades.signals.signals import SUBSECTION_SCORE_CHANGED

# Seconds and times, as the platform retries.
RETRY_DELAY_SECONDS = 40
MAX_RETRIES = 2


@shared_task(
    bind=True,
    base=LoggedPersistOnFailureTask,
    default_retry_delay=RETRY_DELAY_SECONDS,
    max_retries=MAX_RETRIES,
)
def recalculate_subsection_grade_v3(self: Any, **kwargs: Any) -> None:
    """Grade the subsection of an answer and, with it, the course; any failure is tried again."""
    try:
        set_event_transaction(kwargs.get("event_transaction_id"), kwargs.get("event_transaction_type"))
        user = User.objects.get(id=kwargs["user_id"])
        course = modulestore().get_course(CourseKey.from_string(kwargs["course_id"]))
        events.subsection_grade_calculated(user.id, course.id, kwargs["usage_id"])
        SUBSECTION_SCORE_CHANGED.send(
            sender=None, course=course, course_structure=course, user=user, subsection_grade=None
        )
    except Exception as error:
        raise self.retry(kwargs=kwargs, exc=error) from error


@shared_task(base=LoggedPersistOnFailureTask)
def recalculate_course_and_subsection_grades_for_user(**kwargs: Any) -> None:
    """Grade again a learner who has a grade; others are left alone."""
    user = User.objects.get(id=kwargs["user_id"])
    course_key = CourseKey.from_string(kwargs["course_key"])
    factory = CourseGradeFactory()
    if factory.read(user, course_key=course_key).attempted:
        factory.update(user, course_key=course_key)
