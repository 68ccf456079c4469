"""Decides whether a certificate is made."""

from __future__ import annotations

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment
from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.api import get_course_overview_or_none

from lms.djangoapps.certificates.data import CertificateStatuses
from lms.djangoapps.certificates.tasks import generate_certificate
from lms.djangoapps.grades.course_grade_factory import CourseGradeFactory

# Seconds that the task waits, so that the grade's transaction is over.
CERTIFICATE_DELAY_SECONDS = 2


def can_generate_certificate(user: User, course_key: CourseKey) -> bool:
    """Whether mode, course and grade allow a certificate: passing alone is not enough."""
    mode, is_active = CourseEnrollment.enrollment_mode_for_user(user, course_key)
    overview = get_course_overview_or_none(course_key)
    return bool(
        is_active
        and CourseMode.is_eligible_for_certificate(mode or "")
        and overview
        and overview.has_any_active_web_certificate
        and CourseGradeFactory().read(user, course_key=course_key).passed
    )


def generate_certificate_task(user: User, course_key: CourseKey, generation_mode: str = "batch") -> bool:
    """Queue the making of a certificate; False where none is due."""
    if not can_generate_certificate(user, course_key):
        return False
    mode, _is_active = CourseEnrollment.enrollment_mode_for_user(user, course_key)
    grade = CourseGradeFactory().read(user, course_key=course_key)
    generate_certificate.apply_async(
        countdown=CERTIFICATE_DELAY_SECONDS,
        kwargs={
            "student": user.id,
            "course_key": str(course_key),
            "status": CertificateStatuses.downloadable,
            "enrollment_mode": mode,
            "course_grade": str(grade.percent),
            "generation_mode": generation_mode,
        },
    )
    return True
