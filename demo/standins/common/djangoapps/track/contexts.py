"""Contexts of tracking events."""

from __future__ import annotations

from opaque_keys.edx.keys import CourseKey


def course_context_from_course_id(course_id: CourseKey | None) -> dict[str, str]:
    """Course, organization and (never set here) enterprise customer; empty strings for no course."""
    if course_id is None:
        return {"course_id": "", "org_id": "", "enterprise_uuid": ""}
    return {"course_id": str(course_id), "org_id": course_id.org, "enterprise_uuid": ""}
