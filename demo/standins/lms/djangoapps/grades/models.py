"""Stored course grades."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone
from model_utils.models import TimeStampedModel
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey
from openedx_events.learning.data import CourseData, PersistentCourseGradeData
from openedx_events.learning.signals import PERSISTENT_GRADE_SUMMARY_CHANGED

from lms.djangoapps.grades import events
from lms.djangoapps.grades.signals.signals import (
    COURSE_GRADE_PASSED_FIRST_TIME,
    COURSE_GRADE_PASSED_UPDATE_IN_LEARNER_PATHWAY,
)


class PersistentCourseGrade(TimeStampedModel):
    """One learner's grade in one course run. `passed_timestamp` is set once and never cleared."""

    id = models.BigAutoField(primary_key=True)
    user_id = models.IntegerField(blank=False, db_index=True)
    course_id = CourseKeyField(blank=False, max_length=255)
    course_edited_timestamp = models.DateTimeField(blank=True, null=True)
    course_version = models.CharField(blank=True, max_length=255)
    grading_policy_hash = models.CharField(blank=False, max_length=255)
    percent_grade = models.FloatField(blank=False)
    letter_grade = models.CharField(blank=False, max_length=255)
    passed_timestamp = models.DateTimeField(blank=True, null=True)

    class Meta:
        app_label = "grades"
        unique_together = [("course_id", "user_id")]
        indexes = [
            models.Index(fields=["passed_timestamp", "course_id"], name="grades_passed_course_idx"),
            models.Index(fields=["modified", "course_id"], name="grades_modified_course_idx"),
        ]

    def __str__(self) -> str:
        return f"PersistentCourseGrade user: {self.user_id}, percent grade: {self.percent_grade}%"

    @classmethod
    def read(cls, user_id: int, course_id: CourseKey) -> PersistentCourseGrade:
        """The stored grade; raises DoesNotExist."""
        return cls.objects.get(user_id=user_id, course_id=course_id)

    @classmethod
    def update_or_create(cls, user_id: int, course_id: CourseKey, **kwargs: Any) -> PersistentCourseGrade:
        """Store a grade and announce it, changed or not.

        At a first pass the announcement comes before the timestamp is saved.
        """
        passed = kwargs.pop("passed")
        if kwargs.get("course_version") is None:
            kwargs["course_version"] = ""
        grade, _created = cls.objects.update_or_create(user_id=user_id, course_id=course_id, defaults=kwargs)
        if passed and not grade.passed_timestamp:
            events.course_grade_passed_first_time(user_id, course_id)
            COURSE_GRADE_PASSED_FIRST_TIME.send(sender=None, course_id=course_id, user_id=user_id)
            grade.passed_timestamp = timezone.now()
            grade.save()
            COURSE_GRADE_PASSED_UPDATE_IN_LEARNER_PATHWAY.send(sender=None, user_id=user_id, course_id=course_id)
        events.course_grade_calculated(grade)
        grade.announce_summary()
        return grade

    def announce_summary(self) -> None:
        """The openedx event: a course of which nothing but the key is filled."""
        PERSISTENT_GRADE_SUMMARY_CHANGED.send_event(
            grade=PersistentCourseGradeData(
                user_id=self.user_id,
                course=CourseData(course_key=self.course_id),
                course_edited_timestamp=self.course_edited_timestamp,
                course_version=self.course_version,
                grading_policy_hash=self.grading_policy_hash,
                percent_grade=self.percent_grade,
                letter_grade=self.letter_grade,
                passed_timestamp=self.passed_timestamp,
            )
        )
