"""Makes certificates."""

from __future__ import annotations

from uuid import uuid4

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey

from lms.djangoapps.certificates.data import CertificateStatuses
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.certificates.tracking import emit_certificate_event


def generate_course_certificate(
    user: User,
    course_key: CourseKey,
    status: str,
    enrollment_mode: str,
    course_grade: str,
    generation_mode: str,
) -> GeneratedCertificate:
    """Make or renew a certificate; the save's signals go out inside the transaction of `update_or_create`."""
    before = GeneratedCertificate.certificate_for_student(user, course_key)
    verify_uuid = before.verify_uuid if before and before.verify_uuid else uuid4().hex
    certificate, _created = GeneratedCertificate.objects.update_or_create(
        user=user,
        course_id=course_key,
        defaults={
            "status": status,
            "mode": enrollment_mode,
            "name": user.profile.name,
            "grade": course_grade,
            "download_url": "",
            "key": "",
            "verify_uuid": verify_uuid,
            "error_reason": "",
        },
    )
    if CertificateStatuses.is_passing_status(certificate.status):
        emit_certificate_event("created", certificate, generation_mode=generation_mode)
    return certificate
