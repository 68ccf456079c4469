"""Course grades as the factory gives them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey


class CourseGrade:
    """A learner's grade in a course run."""

    attempted = True

    def __init__(
        self,
        user: User,
        course_key: CourseKey,
        percent: float = 0.0,
        letter_grade: str | None = None,
        passed: Any = False,
        last_updated: datetime | None = None,
    ) -> None:
        self.user = user
        self.course_key = course_key
        self.percent = percent
        # An empty text is how the database says "none".
        self.letter_grade = letter_grade or None
        self.passed = passed
        self.last_updated = last_updated
        self.force_update_subsections = False


class ZeroCourseGrade(CourseGrade):
    """What a learner without a stored grade has."""

    attempted = False
