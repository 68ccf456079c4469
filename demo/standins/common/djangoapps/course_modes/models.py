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
    PROFESSIONAL = "professional"
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

    @classmethod
    def modes_for_course_dict(cls, course_id: object) -> dict[str, object]:
        """What a learner may choose from when enrolling in a demo course."""
        return {cls.AUDIT: None}

    @classmethod
    def can_auto_enroll(cls, course_id: object) -> bool:
        """Whether the course is behind no paywall."""
        modes = cls.modes_for_course_dict(course_id)
        return not cls.has_professional_mode(modes) and (cls.AUDIT in modes or cls.HONOR in modes)

    @classmethod
    def auto_enroll_mode(cls, course_id: object, available_modes: dict[str, object]) -> str | None:
        """The mode in which a learner who has not chosen one enrolls."""
        return next((mode for mode in (cls.HONOR, cls.AUDIT) if mode in available_modes), None)

    @classmethod
    def has_verified_mode(cls, modes: dict[str, object]) -> bool:
        """Whether the verified track can be chosen."""
        return cls.VERIFIED in modes

    @classmethod
    def has_professional_mode(cls, modes: dict[str, object]) -> bool:
        """Whether the course is for those who pay."""
        return cls.PROFESSIONAL in modes
