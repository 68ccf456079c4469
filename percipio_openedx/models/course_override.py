"""What an operator decided for one course."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement

# What the key of all runs of a course begins with.
ALL_RUNS = "course:"
AT_ONCE = 500


class CourseOverrideQuerySet(models.QuerySet["CourseOverride"]):
    """What is deleted, or written by the batch, counts as what is saved."""

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete, and have the courses' open statements built anew."""
        keys = list(self.values_list("course_key", flat=True))
        done = super().delete()
        outdate(keys)
        return done


class CourseOverride(models.Model):
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

    objects = CourseOverrideQuerySet.as_manager()

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("course answer")
        verbose_name_plural = _("course answers")
        ordering: ClassVar[list[str]] = ["course_key"]

    def __str__(self) -> str:
        return self.course_key

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and have the course's open statements built anew."""
        super().save(*args, **kwargs)
        outdate([self.course_key])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete, and have the course's open statements built anew."""
        done = super().delete(*args, **kwargs)
        outdate([self.course_key])
        return done

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


def outdate(course_keys: Iterable[str]) -> None:
    """Have the open statements of these courses built anew before they leave: their answers have changed.

    Arguments:
        course_keys: as in ``CourseOverride.course_key``.
    """
    runs = sorted(_runs(set(course_keys)))
    for start in range(0, len(runs), AT_ONCE):
        rows = Statement.objects.open().filter(
            learner_course__course_key__in=runs[start : start + AT_ONCE], settled_at__isnull=True, in_doubt=False
        )
        _outdate(list(rows.order_by().values_list("pk", flat=True)))


def _outdate(pks: Sequence[int]) -> None:
    for start in range(0, len(pks), AT_ONCE):
        Statement.objects.filter(pk__in=pks[start : start + AT_ONCE]).outdate(timezone.now())


def _runs(course_keys: set[str]) -> set[str]:
    """The keys of the course runs that are meant, as far as anything of them was ever reported."""
    courses = {key for key in course_keys if key.startswith(ALL_RUNS)}
    if not courses:
        return course_keys
    known = LearnerCourse.objects.order_by().values_list("course_key", flat=True).distinct()
    return (course_keys - courses) | {key for key in known if _all_runs_of(key) in courses}


def _all_runs_of(course_key: str) -> str:
    """The key for all runs of a run's course. The run's key has one of two forms: with ``+``, or the old one."""
    parts = course_key.removeprefix("course-v1:").replace("/", "+").split("+")
    return f"{ALL_RUNS}{'+'.join(parts[:2])}"


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
