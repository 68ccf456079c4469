"""Where graded content is locked for those who audit. Source: `openedx/features/content_type_gating/models.py`, 2026.

A row without course and organization is for all; one of a course overrides one of its organization. The platform has
sites and courses of several runs, too, and caches the current row; here it is read.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey

from .helpers import correct_modes_for_fbe, enrollment_date_for_fbe


class ContentTypeGatingConfig(models.Model):
    """Whether, and for enrollments since when."""

    enabled = models.BooleanField(null=True)
    enabled_as_of = models.DateTimeField(null=True)
    studio_override_enabled = models.BooleanField(null=True)
    org = models.CharField(max_length=255, blank=True, default="")
    course = CourseKeyField(max_length=255, blank=True)

    class Meta:
        app_label = "content_type_gating"

    def __str__(self) -> str:
        return f"{self.course or self.org or 'all'}: {self.enabled} as of {self.enabled_as_of}"

    @classmethod
    def current(cls, course_key: CourseKey) -> ContentTypeGatingConfig:
        """What is in force for a course run: of each value, that of the most specific row which has one."""
        found = cls()
        of_all = models.Q(org__in=("", course_key.org), course=CourseKeyField.Empty)
        rows = cls.objects.filter(of_all | models.Q(course=course_key))
        for row in sorted(rows, key=lambda one: (bool(one.course), one.org, one.pk)):
            for name in ("enabled", "enabled_as_of", "studio_override_enabled"):
                if getattr(row, name) is not None:
                    setattr(found, name, getattr(row, name))
        return found

    @classmethod
    def enabled_for_enrollment(cls, user: User, course_key: CourseKey) -> bool:
        """Whether this learner's graded content is locked."""
        at = enrollment_date_for_fbe(user, course_key=course_key)
        return bool(at) and cls.current(course_key=course_key).enabled_as_of_datetime(at)

    @classmethod
    def enabled_for_course(cls, course_key: CourseKey) -> bool:
        """Whether that of somebody who enrolls now would be."""
        return correct_modes_for_fbe(course_key) and cls.current(course_key=course_key).enabled_as_of_datetime(
            timezone.now()
        )

    def enabled_as_of_datetime(self, target_datetime: datetime) -> bool:
        """Whether it is in force for an enrollment of that time."""
        return bool(self.enabled and self.enabled_as_of is not None and self.enabled_as_of <= target_datetime)
