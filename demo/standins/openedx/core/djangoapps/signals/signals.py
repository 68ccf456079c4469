"""Signals of grades and certificates under the platform's names."""

from __future__ import annotations

from django.dispatch import Signal

COURSE_GRADE_CHANGED = Signal()
COURSE_GRADE_NOW_PASSED = Signal()
COURSE_GRADE_NOW_FAILED = Signal()
COURSE_CERT_CHANGED = Signal()
COURSE_CERT_AWARDED = Signal()
COURSE_CERT_REVOKED = Signal()
