"""Tracking events of certificates."""

from __future__ import annotations

from typing import Any

from eventtracking import tracker


def emit_certificate_event(event: str, certificate: Any, **more: str) -> None:
    """`edx.certificate.created` or `.revoked`, after the row is saved; without an address."""
    name = f"edx.certificate.{event}"
    course_key = certificate.course_id
    data = {
        "user_id": certificate.user.id,
        "course_id": str(course_key),
        "certificate_id": certificate.verify_uuid,
        "enrollment_mode": certificate.mode,
        "certificate_url": "",
        **more,
    }
    with tracker.get_tracker().context(name, {"org_id": course_key.org, "course_id": str(course_key)}):
        tracker.emit(name, data)
