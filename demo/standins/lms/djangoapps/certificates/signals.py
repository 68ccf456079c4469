"""Receivers that make and revoke certificates when a grade passes or fails."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.dispatch import receiver
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.signals.signals import COURSE_GRADE_NOW_FAILED, COURSE_GRADE_NOW_PASSED
from waffle import switch_is_active

from lms.djangoapps.certificates.data import CertificateStatuses
from lms.djangoapps.certificates.models import GeneratedCertificate

AUTO_GENERATION_SWITCH = "certificates.auto_certificate_generation"


@receiver(COURSE_GRADE_NOW_PASSED, dispatch_uid="new_passing_learner")
def listen_for_passing_grade(user: User, course_id: CourseKey, **kwargs: Any) -> None:
    """A learner who passes gets a certificate, unless there is one: passing again makes no new one."""
    from lms.djangoapps.certificates.generation_handler import generate_certificate_task

    if not switch_is_active(AUTO_GENERATION_SWITCH):
        return
    certificate = GeneratedCertificate.certificate_for_student(user, course_id)
    if certificate is None or not CertificateStatuses.is_passing_status(certificate.status):
        generate_certificate_task(user, course_id)


@receiver(COURSE_GRADE_NOW_FAILED, dispatch_uid="new_failing_learner")
def listen_for_failing_grade(user: User, course_id: CourseKey, grade: Any, **kwargs: Any) -> None:
    """A learner who fails again loses the certificate at once, inside the grading task."""
    certificate = GeneratedCertificate.certificate_for_student(user, course_id)
    if certificate is not None and CertificateStatuses.is_passing_status(certificate.status):
        certificate.mark_notpassing(certificate.mode, grade.percent, source="notpassing_signal")
