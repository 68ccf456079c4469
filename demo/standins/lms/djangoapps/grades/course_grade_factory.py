"""Reads and computes course grades."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.signals.signals import (
    COURSE_GRADE_CHANGED,
    COURSE_GRADE_NOW_FAILED,
    COURSE_GRADE_NOW_PASSED,
)
from xmodule.modulestore.django import modulestore

from demo.learning.costs import platform_call
from lms.djangoapps.courseware.models import StudentModule
from lms.djangoapps.grades.course_grade import CourseGrade, ZeroCourseGrade
from lms.djangoapps.grades.models import PersistentCourseGrade


class GradeResult(NamedTuple):
    """One learner's result of `iter`."""

    student: User
    course_grade: CourseGrade | None
    error: Exception | None


class CourseGradeFactory:
    """The platform's entrance to course grades."""

    def read(self, user: User, course: Any = None, *, course_key: CourseKey = None, **_: Any) -> CourseGrade:
        """The stored grade, or a zero grade; writes nothing and never asks whether the course exists."""
        key = course_key or course.id
        platform_call("CourseGradeFactory.read", key, user.id)
        row = PersistentCourseGrade.objects.filter(user_id=user.id, course_id=key).first()
        if row is None:
            return ZeroCourseGrade(user, key)
        return CourseGrade(user, key, row.percent_grade, row.letter_grade, row.letter_grade != "", row.modified)

    def update(self, user: User, course: Any = None, *, course_key: CourseKey = None, **_: Any) -> CourseGrade:
        """Compute from the learner's answers, store, and announce, changed or not.

        Raises a bare AttributeError for a course that does not exist.
        """
        course = course or modulestore().get_course(course_key)
        percent, passed = compute(user, course)
        grade = CourseGrade(user, course.id, percent, "Pass" if passed else None, passed)
        PersistentCourseGrade.update_or_create(
            user_id=user.id,
            course_id=course.id,
            course_version=course.course_version,
            course_edited_timestamp=course.subtree_edited_on,
            grading_policy_hash=course.grading_policy_hash,
            percent_grade=grade.percent,
            letter_grade=grade.letter_grade or "",
            passed=grade.passed,
        )
        self._announce(grade)
        return grade

    def iter(
        self,
        users: Iterable[User],
        course: Any = None,
        *,
        course_key: CourseKey = None,
        force_update: bool = False,
    ) -> Iterator[GradeResult]:
        """Grades of many learners; a failure of one is handed on, not raised."""
        for user in users:
            try:
                act = self.update if force_update else self.read
                yield GradeResult(user, act(user, course, course_key=course_key), None)
            except Exception as error:  # noqa: BLE001 - one learner's failure must not stop the rest
                yield GradeResult(user, None, error)

    @staticmethod
    def _announce(grade: CourseGrade) -> None:
        COURSE_GRADE_CHANGED.send_robust(
            sender=None,
            user=grade.user,
            course_grade=grade,
            course_key=grade.course_key,
            deadline=None,
        )
        if grade.passed:
            COURSE_GRADE_NOW_PASSED.send(sender=CourseGradeFactory, user=grade.user, course_id=grade.course_key)
        else:
            COURSE_GRADE_NOW_FAILED.send(
                sender=CourseGradeFactory, user=grade.user, course_id=grade.course_key, grade=grade
            )


def compute(user: User, course: Any) -> tuple[float, Any]:
    """Share of the graded points that the learner has, rounded to whole percent, and whether it passes.

    The second is a falsy 0.0, not False, where the course has no pass mark, as on the platform.
    """
    graded = {block.usage_key: block.weight for block in course.graded_blocks()}
    if not graded:
        return 0.0, course.pass_mark and False
    earned = sum(
        graded[row.module_state_key] * (row.grade or 0.0) / row.max_grade
        for row in StudentModule.objects.filter(student=user, course_id=course.id, max_grade__gt=0)
        if row.module_state_key in graded
    )
    percent = round(earned / sum(graded.values()) + 1e-9, 2)
    return percent, course.pass_mark and percent >= course.pass_mark
