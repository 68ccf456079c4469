"""What an operator decided for one course."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


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

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("course answer")
        verbose_name_plural = _("course answers")
        ordering: ClassVar[list[str]] = ["course_key"]

    def __str__(self) -> str:
        return self.course_key
