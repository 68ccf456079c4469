"""The learner's progress as the learning MFE's chart shows it."""

from __future__ import annotations

from django.contrib.auth.models import User
from opaque_keys.edx.keys import CourseKey

from demo.learning.costs import platform_call
from lms.djangoapps.courseware.courses import get_course_blocks_completion_summary


def calculate_progress_for_learner_in_course(course_key: CourseKey, user: User) -> dict[str, float]:
    """Counts and shares (0 to 1, two digits) of all units, locked ones included; `{}` for anonymous."""
    platform_call("calculate_progress_for_learner_in_course", course_key, user.id)
    summary = get_course_blocks_completion_summary(course_key, user)
    if not isinstance(summary, dict):
        return {}
    total = sum(summary.values())
    kinds = ("complete", "locked", "incomplete")
    answers = {f"{kind}_percentage": round(summary[f"{kind}_count"] / total, 2) if total else 0.0 for kind in kinds}
    return {**summary, "total_count": total, **answers}
