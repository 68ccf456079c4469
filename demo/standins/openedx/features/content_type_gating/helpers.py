"""Whom gating is for. Source: `openedx/features/content_type_gating/helpers.py`, 2026."""

from __future__ import annotations

from datetime import datetime

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment, FBEEnrollmentExclusion
from common.djangoapps.student.role_helpers import has_staff_roles
from django.contrib.auth.models import User
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey
from xmodule.partitions.partitions import Group

CONTENT_GATING_PARTITION_ID = 51
LIMITED_ACCESS = Group(1, "Limited-access Users")
FULL_ACCESS = Group(2, "Full-access Users")


def correct_modes_for_fbe(course_key: CourseKey, enrollment: CourseEnrollment | None = None) -> bool:
    """Whether the course has both tracks, and an active enrollment is in *audit*."""
    slugs = {mode.slug for mode in CourseMode.modes_for_course(course_key, include_expired=True, only_selectable=False)}
    if not {CourseMode.AUDIT, CourseMode.VERIFIED} <= slugs:
        return False
    return enrollment is None or not enrollment.is_active or enrollment.mode == CourseMode.AUDIT


def enrollment_date_for_fbe(user: User, course_key: CourseKey) -> datetime | None:
    """When the learner enrolled, now for one who did not; None for those whom gating leaves alone."""
    if has_staff_roles(user, course_key):
        return None
    enrollment = CourseEnrollment.objects.filter(user=user, course_id=course_key).first()
    if enrollment is not None and FBEEnrollmentExclusion.objects.filter(enrollment=enrollment).exists():
        return None
    if not correct_modes_for_fbe(course_key, enrollment):
        return None
    return timezone.now() if enrollment is None else enrollment.created
