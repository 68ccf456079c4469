"""What was reported of the same content in other course runs (``PERCIPIO_RETAKES``)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from percipio_openedx.config import Configuration
from percipio_openedx.enums import Retakes
from percipio_openedx.models.learner_course import LONGEST_CONTENT_ID, LearnerCourse


def completed_elsewhere(
    configuration: Configuration, course_key: str, content_id: str, user_ids: Iterable[int]
) -> dict[int, datetime]:
    """Return, by learner, the latest completion reported of this site's other runs under the content id. One query.

    A completion that was retracted is none.
    """
    if configuration.policy.retakes is Retakes.EVERYTHING:
        return {}
    wanted = content_id[:LONGEST_CONTENT_ID]
    rows = LearnerCourse.objects.filter(user_id__in=user_ids, site_id=configuration.site_id, reported_completed=True)
    rows = rows.filter(content_id=wanted).exclude(course_key=course_key)
    found: dict[int, datetime] = {}
    for user_id, reported_id, at in rows.values_list("user_id", "content_id", "reported_completed_at"):
        # MariaDB finds an id regardless of case; Percipio's catalog may hold both.
        if reported_id == wanted and at is not None:
            found[user_id] = max(at, found.get(user_id, at))
    return found


def remember(rows: Iterable[int], content_id: str) -> None:
    """Write under which content id these learners in courses (by primary key) are known to Percipio from now on."""
    LearnerCourse.objects.filter(pk__in=list(rows)).update(content_id=content_id[:LONGEST_CONTENT_ID])
