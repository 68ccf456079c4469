"""Stand-in for the part of `common.djangoapps.course_modes.models` that enrolments, gating and certificates ask."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import models
from django.utils import timezone
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey


class Mode(NamedTuple):
    """A track of a course run; the platform's has prices, too."""

    slug: str
    name: str
    expiration_datetime: datetime | None = None


class CourseMode(models.Model):
    """A track that a course run offers; a course without any has the default one."""

    AUDIT = "audit"
    HONOR = "honor"
    VERIFIED = "verified"
    DEFAULT_MODE_SLUG = AUDIT
    DEFAULT_MODE = Mode(AUDIT, "Audit")
    CERTIFICATE_RELEVANT_MODES = (HONOR, VERIFIED)

    course_id = CourseKeyField(max_length=255, db_index=True)
    mode_slug = models.CharField(max_length=100)
    mode_display_name = models.CharField(max_length=255)
    _expiration_datetime = models.DateTimeField(db_column="expiration_datetime", null=True, blank=True)

    class Meta:
        app_label = "course_modes"
        unique_together = ("course_id", "mode_slug")

    def __str__(self) -> str:
        return f"{self.course_id}: {self.mode_slug}"

    @classmethod
    def modes_for_course(
        cls, course_id: CourseKey, include_expired: bool = False, only_selectable: bool = True
    ) -> list[Mode]:
        """The course's modes, by default those alone that can still be had."""
        columns = ("mode_slug", "mode_display_name", "_expiration_datetime")
        rows = cls.objects.filter(course_id=course_id).order_by("pk").values_list(*columns)
        modes = [Mode(*row) for row in rows]
        if not include_expired:
            now = timezone.now()
            modes = [mode for mode in modes if mode.expiration_datetime is None or mode.expiration_datetime >= now]
        return modes or [cls.DEFAULT_MODE]

    @classmethod
    def is_eligible_for_certificate(cls, mode_slug: str) -> bool:
        """Whether a learner in this mode can earn a certificate: not when auditing."""
        return mode_slug in cls.CERTIFICATE_RELEVANT_MODES
