"""Enrolment signals under the platform's names. All are sent with plain `send`."""

from __future__ import annotations

from django.dispatch import Signal

ENROLL_STATUS_CHANGE = Signal()
ENROLLMENT_TRACK_UPDATED = Signal()
UNENROLL_DONE = Signal()
REFUND_ORDER = Signal()
USER_EMAIL_CHANGED = Signal()
