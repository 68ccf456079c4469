"""What an operator decided for one course."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from percipio_openedx.models.statement import Statement

ALL_RUNS = "course:"
AT_ONCE = 500


class CourseAnswerQuerySet(models.QuerySet["CourseAnswer"]):
    """What is deleted, or written by the batch, counts as what is saved."""

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete, and have the courses' open statements built anew."""
        keys = list(self.values_list("course_key", flat=True))
        done = super().delete()
        outdate(keys)
        return done


class CourseAnswer(models.Model):
    """A course that is left out, or that Percipio's catalogue knows by another id.

    ``course_key`` is a course run's key (``course-v1:Org+Course+Run``), or ``course:Org+Course`` for all runs of a
    course; the run's own row wins.

    .. no_pii: Course keys and catalogue ids.
    """

    id = models.BigAutoField(primary_key=True)
    course_key = models.CharField(max_length=255, unique=True)
    is_reported = models.BooleanField(default=True)
    content_id = models.CharField(max_length=255, default="", blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CourseAnswerQuerySet.as_manager()

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


def outdate(course_keys: Iterable[str]) -> None:
    """Have the open statements of these courses built anew before they leave: their answers have changed.

    Arguments:
        course_keys: as in ``CourseAnswer.course_key``.
    """
    now = timezone.now()
    for key in course_keys:
        rows = Statement.objects.open().filter(_of_course(key), settled_at__isnull=True, in_doubt=False)
        pks = list(rows.order_by().values_list("pk", flat=True))
        for start in range(0, len(pks), AT_ONCE):
            Statement.objects.filter(pk__in=pks[start : start + AT_ONCE]).outdate(now)


def _of_course(key: str) -> models.Q:
    if not key.startswith(ALL_RUNS):
        return models.Q(learner_course__course_key=key)
    org, _plus, number = key.removeprefix(ALL_RUNS).partition("+")
    # The two forms of a course run's key.
    runs = models.Q(learner_course__course_key__startswith=f"course-v1:{org}+{number}+")
    return runs | models.Q(learner_course__course_key__startswith=f"{org}/{number}/")
