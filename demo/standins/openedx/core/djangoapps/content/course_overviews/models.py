"""Course overviews: rows that are built from the modulestore on first use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import models
from model_utils.models import TimeStampedModel
from opaque_keys.edx.django.models import CourseKeyField, UsageKeyField
from opaque_keys.edx.keys import CourseKey
from xmodule.modulestore.django import modulestore

from demo.learning.costs import platform_call
from openedx.core.djangoapps.models.course_details import CourseDetails

VERSION = 19


class CourseOverview(TimeStampedModel):
    """Facts of one course run."""

    VERSION = VERSION

    version = models.IntegerField()
    id = CourseKeyField(db_index=True, primary_key=True, max_length=255)
    _location = UsageKeyField(max_length=255)
    org = models.TextField(max_length=255, default="outdated_entry")
    display_name = models.TextField(null=True)  # noqa: DJ001
    display_number_with_default = models.TextField()
    display_org_with_default = models.TextField()
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)
    advertised_start = models.TextField(null=True)  # noqa: DJ001
    banner_image_url = models.TextField()
    course_image_url = models.TextField()
    social_sharing_url = models.TextField(null=True)  # noqa: DJ001
    marketing_url = models.TextField(null=True)  # noqa: DJ001
    certificates_display_behavior = models.TextField(null=True)  # noqa: DJ001
    certificates_show_before_end = models.BooleanField(default=False)
    cert_html_view_enabled = models.BooleanField(default=False)
    has_any_active_web_certificate = models.BooleanField(default=False)
    certificate_available_date = models.DateTimeField(default=None, null=True)
    lowest_passing_grade = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    mobile_available = models.BooleanField(default=False)
    visible_to_staff_only = models.BooleanField(default=False)
    enrollment_start = models.DateTimeField(null=True)
    enrollment_end = models.DateTimeField(null=True)
    invitation_only = models.BooleanField(default=False)
    max_student_enrollments_allowed = models.IntegerField(null=True)
    catalog_visibility = models.TextField(null=True)  # noqa: DJ001
    short_description = models.TextField(null=True)  # noqa: DJ001
    effort = models.TextField(null=True)  # noqa: DJ001
    self_paced = models.BooleanField(default=False)
    language = models.TextField(null=True)  # noqa: DJ001
    external_id = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001

    class Meta:
        app_label = "course_overviews"

    def __str__(self) -> str:
        return str(self.id)

    @property
    def number(self) -> str:
        """The course's number."""
        return str(self.id.course)

    @property
    def display_name_with_default(self) -> str:
        """The name, or one made from the key."""
        return self.display_name or f"{self.id.course} {self.id.run}"

    @property
    def pacing(self) -> str:
        """`self` or `instructor`."""
        return "self" if self.self_paced else "instructor"

    def has_started(self) -> bool:
        """Whether the start has come; a course without one has started."""
        return self.start is None or datetime.now(UTC) > self.start

    def has_ended(self) -> bool:
        """Whether the end has passed; a course without one never ends."""
        return self.end is not None and datetime.now(UTC) > self.end

    def is_enrollment_open(self) -> bool:
        """Whether now lies in the enrolment period; the course's end does not count."""
        now = datetime.now(UTC)
        return (self.enrollment_start is None or self.enrollment_start <= now) and (
            self.enrollment_end is None or now < self.enrollment_end
        )

    @classmethod
    def load_from_module_store(cls, course_id: CourseKey) -> CourseOverview:
        """Build the row from the course and save it; raises DoesNotExist where there is no such course."""
        course = modulestore().get_course(course_id)
        if course is None:
            raise cls.DoesNotExist
        overview, _created = cls.objects.update_or_create(id=course_id, defaults=_facts(course))
        return overview

    @classmethod
    def get_from_id(cls, course_id: CourseKey) -> CourseOverview:
        """The row, built first where it is missing or outdated; raises DoesNotExist for an unknown course."""
        platform_call("CourseOverview.get_from_id", course_id)
        overview = cls.objects.filter(id=course_id, version__gte=cls.VERSION).first()
        return overview or cls.load_from_module_store(course_id)

    @classmethod
    def get_from_ids(cls, course_ids: list[CourseKey]) -> dict[CourseKey, CourseOverview | None]:
        """The rows of several courses; None for those without."""
        found = {overview.id: overview for overview in cls.objects.filter(id__in=course_ids)}
        return {course_id: found.get(course_id) for course_id in course_ids}

    @classmethod
    def get_all_courses(cls, orgs: list[str] | None = None) -> models.QuerySet[CourseOverview]:
        """All overviews, or those of some organizations."""
        return cls.objects.filter(org__in=orgs) if orgs else cls.objects.all()


def _facts(course: Any) -> dict[str, Any]:
    about = {name: CourseDetails.fetch_about_attribute(course.id, name) for name in ("short_description", "effort")}
    return {
        "version": VERSION,
        "_location": course.location,
        "org": course.id.org,
        "display_name": course.display_name,
        "display_number_with_default": course.id.course,
        "display_org_with_default": course.id.org,
        "start": course.start,
        "end": course.end,
        "banner_image_url": course.image_path,
        "course_image_url": course.image_path,
        "cert_html_view_enabled": course.has_certificate,
        "has_any_active_web_certificate": course.has_certificate,
        "certificates_display_behavior": "early_no_info",
        "lowest_passing_grade": course.lowest_passing_grade,
        "self_paced": course.self_paced,
        "catalog_visibility": "both",
        "language": course.language,
        **about,
    }
