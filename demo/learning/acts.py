"""What learners do, done the way the platform does it: same functions, same transactions, same noise."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta

from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from lms.djangoapps.certificates.data import CertificateStatuses
from lms.djangoapps.certificates.generation import generate_course_certificate
from lms.djangoapps.certificates.generation_handler import can_generate_certificate
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.courseware.models import StudentModule
from lms.djangoapps.grades.course_grade_factory import CourseGradeFactory
from lms.djangoapps.grades.models import PersistentCourseGrade
from opaque_keys.edx.keys import CourseKey, UsageKey
from openedx.core.djangoapps.user_api.accounts.utils import create_retirement_request_and_deactivate_account
from openedx.core.djangoapps.user_api.accounts.views import retire_critical_for, retire_misc_for
from openedx.core.djangoapps.user_api.models import UserRetirementStatus


class Interrupted(Exception):
    """Something broke after the enrolment and before the end of the request."""


def enroll(user: User, course_key: CourseKey, mode: str, days_ago: int) -> CourseEnrollment:
    """Enrol, in a transaction as a request has; a new enrolment is dated back, a repeated one is only announced."""
    with transaction.atomic():
        is_new = not CourseEnrollment.objects.filter(user=user, course_id=course_key).exists()
        enrollment = CourseEnrollment.enroll(user, course_key, mode=mode)
        if is_new:
            created = timezone.now() - timedelta(days=days_ago)
            CourseEnrollment.objects.filter(pk=enrollment.pk).update(created=created)
            enrollment.created = created
    return enrollment


def enroll_in_vain(user: User, course_key: CourseKey) -> None:
    """Enrol in a transaction that is rolled back: the signals were sent, and nothing happened."""
    try:
        with transaction.atomic():
            CourseEnrollment.enroll(user, course_key)
            raise Interrupted
    except Interrupted:
        return


def unenroll(user: User, course_key: CourseKey) -> None:
    """Leave a course, in a request's transaction."""
    with transaction.atomic():
        CourseEnrollment.unenroll(user, course_key)


def complete(user: User, usage_key: UsageKey, at: datetime | None = None) -> None:
    """Complete a block, in a request without a transaction; `at` is when, if that was not now.

    Then in a transaction, so that no worker sees the moment at which the row was really made.
    """
    if at is None:
        BlockCompletion.objects.submit_completion(user, usage_key, 1.0)
        return
    with transaction.atomic():
        row, is_new = BlockCompletion.objects.submit_completion(user, usage_key, 1.0)
        if is_new:
            BlockCompletion.objects.filter(pk=row.pk).update(created=at, modified=at)


def answer(user: User, course_key: CourseKey, usage_key: UsageKey, points: float, at: datetime | None = None) -> None:
    """Answer a problem, as `complete`; the same answer again changes nothing."""
    StudentModule.objects.update_or_create(
        student=user,
        module_state_key=usage_key,
        course_id=course_key,
        defaults={"module_type": "problem", "grade": points, "max_grade": 1.0, "state": "{}"},
    )
    complete(user, usage_key, at)


def grade(user: User, course_key: CourseKey, times: int = 1, at: datetime | None = None) -> bool:
    """Compute the course grade as the worker does after an answer, announced each time; whether it passes.

    A first pass was `at` that moment, if one is given.
    """
    passed = False
    with nullcontext() if at is None else transaction.atomic():
        for _ in range(times):
            passed = bool(CourseGradeFactory().update(user, course_key=course_key).passed)
        if at is not None:
            rows = PersistentCourseGrade.objects.filter(user_id=user.id, course_id=course_key)
            rows.filter(passed_timestamp__gt=at).update(passed_timestamp=at)
    return passed


def certify(user: User, course_key: CourseKey) -> bool:
    """Make the certificate where one is due, and save it once more, which announces it as created once more."""
    if not can_generate_certificate(user, course_key):
        return False
    mode, _is_active = CourseEnrollment.enrollment_mode_for_user(user, course_key)
    percent = CourseGradeFactory().read(user, course_key=course_key).percent
    row = GeneratedCertificate.certificate_for_student(user, course_key)
    if row is None:
        status = CertificateStatuses.downloadable
        row = generate_course_certificate(user, course_key, status, mode or "", str(percent), "batch")
    row.save()
    return True


def retire(user: User) -> None:
    """Ask for deletion, and let the site's pipeline do all of it."""
    with transaction.atomic():
        create_retirement_request_and_deactivate_account(user)
    with transaction.atomic():
        for enrollment in list(CourseEnrollment.enrollments_for_user(user)):
            CourseEnrollment.unenroll(user, enrollment.course_id)
    retirement = UserRetirementStatus.objects.get(user=user)
    retire_misc_for(retirement)
    retire_critical_for(retirement)
