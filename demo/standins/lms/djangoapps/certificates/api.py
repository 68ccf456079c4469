"""Public functions of the certificates app."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey

from demo.learning.costs import platform_call
from lms.djangoapps.certificates.data import CertificateStatuses
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.certificates.utils import should_certificate_be_visible


def get_certificate_for_user_id(user: User, course_id: CourseKey) -> GeneratedCertificate | None:
    """The learner's certificate of a course run, whatever its state."""
    return GeneratedCertificate.certificate_for_student(user, course_id)


def certificates_viewable_for_course(course: Any) -> bool:
    """Whether any learner of a course (its overview) sees a certificate now."""
    platform_call("certificates_viewable_for_course", course.id)
    return should_certificate_be_visible(
        course.certificates_display_behavior,
        course.certificates_show_before_end,
        course.has_ended(),
        course.certificate_available_date,
        course.self_paced,
    )


def get_certificate_for_user(username: str, course_key: CourseKey, format_results: bool = True) -> Any:
    """The same by username: a dict, or the row without `format_results`."""
    certificate = GeneratedCertificate.objects.filter(user__username=username, course_id=course_key).first()
    if certificate is None or not format_results:
        return certificate
    return {
        "username": username,
        "course_key": certificate.course_id,
        "type": certificate.mode,
        "status": certificate.status,
        "download_url": certificate.download_url or None,
        "grade": certificate.grade,
        "created": certificate.created_date,
        "modified": certificate.modified_date,
        "is_passing": CertificateStatuses.is_passing_status(certificate.status),
    }
