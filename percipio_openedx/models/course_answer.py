"""What an operator decided for one course."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

# What the key of all runs of a course begins with.
ALL_RUNS = "course:"


class CourseAnswer(models.Model):
    """A course that is left out, or that Percipio's catalog knows by another id.

    ``course_key`` is a course run's key (``course-v1:Org+Course+Run``), or ``course:Org+Course`` for all runs of a
    course; the run's own row wins.

    .. no_pii: Course keys and catalog ids.
    """

    id = models.BigAutoField(primary_key=True)
    course_key = models.CharField(max_length=255, unique=True)
    is_reported = models.BooleanField(default=True)
    content_id = models.CharField(max_length=255, default="", blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("course answer")
        verbose_name_plural = _("course answers")
        ordering: ClassVar[list[str]] = ["course_key"]

    def __str__(self) -> str:
        return self.course_key

    def clean(self) -> None:
        """Judge the two texts.

        Raises:
            ValidationError: the key is that of no course or course run, or a text cannot be stored or read.
        """
        problems = {}
        if problem := _key_problem(self.course_key):
            problems["course_key"] = problem
        # A lone surrogate, which no database stores, is not printable either.
        if not self.content_id.isprintable():
            problems["content_id"] = _("has a line break or another control character")
        if problems:
            raise ValidationError(problems)


def _key_problem(key: str) -> str | Promise:
    if key.startswith(ALL_RUNS):
        org, plus, course = key.removeprefix(ALL_RUNS).partition("+")
        is_right = org and plus and course and "+" not in course and key.isprintable() and " " not in key
        return "" if is_right else _("must be course:Org+Course")
    try:
        parsed = CourseKey.from_string(key)
    except InvalidKeyError:
        parsed = None
    if parsed is None or not parsed.is_course or not parsed.run:
        return _("is no course; write course-v1:Org+Course+Run, or course:Org+Course for all runs")
    return "" if str(parsed) == key else _("must be written %(key)s") % {"key": parsed}
