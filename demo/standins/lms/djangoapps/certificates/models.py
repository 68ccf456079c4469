"""Certificates: every save is announced, and every save of a passing one as "created" once more."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.signals.signals import (
    COURSE_CERT_AWARDED,
    COURSE_CERT_CHANGED,
    COURSE_CERT_REVOKED,
)
from openedx_events.learning.data import CertificateData, CourseData, UserData, UserPersonalData
from openedx_events.learning.signals import CERTIFICATE_CHANGED, CERTIFICATE_CREATED, CERTIFICATE_REVOKED
from simple_history.models import HistoricalRecords

from lms.djangoapps.certificates.data import CertificateStatuses
from lms.djangoapps.certificates.tracking import emit_certificate_event


class GeneratedCertificate(models.Model):
    """One learner's certificate of one course run. Its history has a row for every save."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    course_id = CourseKeyField(max_length=255, blank=True, default=None)
    verify_uuid = models.CharField(max_length=32, blank=True, default="", db_index=True)
    grade = models.CharField(max_length=5, blank=True, default="")
    key = models.CharField(max_length=32, blank=True, default="")
    distinction = models.BooleanField(default=False)
    status = models.CharField(max_length=32, default="unavailable")
    mode = models.CharField(max_length=32, default="honor")
    name = models.CharField(blank=True, max_length=255)
    created_date = models.DateTimeField(auto_now_add=True)
    modified_date = models.DateTimeField(auto_now=True)
    download_uuid = models.CharField(max_length=32, blank=True, default="")
    download_url = models.CharField(max_length=128, blank=True, default="")
    error_reason = models.CharField(max_length=512, blank=True, default="")
    history = HistoricalRecords()

    class Meta:
        app_label = "certificates"
        unique_together = (("user", "course_id"),)

    def __str__(self) -> str:
        return f"{self.course_id}, user={self.user_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, then announce."""
        super().save(*args, **kwargs)
        self._send(COURSE_CERT_CHANGED, CERTIFICATE_CHANGED)
        if CertificateStatuses.is_passing_status(self.status):
            self._send(COURSE_CERT_AWARDED, CERTIFICATE_CREATED)

    @classmethod
    def certificate_for_student(cls, student: User, course_id: CourseKey) -> GeneratedCertificate | None:
        """The learner's certificate, whatever its state, or None."""
        return cls.objects.filter(user=student, course_id=course_id).first()

    def is_valid(self) -> bool:
        """Whether the learner can show it."""
        return bool(self.status == CertificateStatuses.downloadable)

    def invalidate(self, mode: str | None = None, source: str | None = None) -> None:
        """Take it back."""
        self._revoke(CertificateStatuses.unavailable, mode=mode, source=source)

    def mark_notpassing(self, mode: str, grade: Any, source: str | None = None) -> None:
        """Take it back because the learner no longer passes."""
        self._revoke(CertificateStatuses.notpassing, mode=mode, grade=grade, source=source)

    def mark_unverified(self, mode: str, source: str | None = None) -> None:
        """Take it back because the learner's identity is not verified (any more)."""
        self._revoke(CertificateStatuses.unverified, mode=mode, source=source)

    def _revoke(self, status: str, mode: str | None = None, grade: Any = None, source: str | None = None) -> None:
        was_passing = CertificateStatuses.is_passing_status(self.status)
        self.status = status
        self.mode = mode or self.mode
        self.grade = str(grade) if grade else ""
        self.error_reason = self.download_uuid = self.download_url = ""
        self.save()
        self._send(COURSE_CERT_REVOKED, CERTIFICATE_REVOKED)
        if was_passing:
            emit_certificate_event("revoked", self, source=source or "")

    def _send(self, django_signal: Any, openedx_event: Any) -> None:
        django_signal.send_robust(
            sender=self.__class__,
            user=self.user,
            course_key=self.course_id,
            mode=self.mode,
            status=self.status,
        )
        openedx_event.send_event(
            time=self.modified_date.astimezone(UTC),
            certificate=CertificateData(
                user=UserData(
                    id=self.user.id,
                    is_active=self.user.is_active,
                    pii=UserPersonalData(
                        username=self.user.username, email=self.user.email, name=self.user.profile.name
                    ),
                ),
                course=CourseData(course_key=self.course_id),
                mode=self.mode,
                grade=self.grade,
                current_status=self.status,
                download_url=self.download_url,
                name=self.name,
            ),
        )
