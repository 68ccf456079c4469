"""What was reported of the same content in other course runs (``PERCIPIO_RETAKES``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from percipio_openedx.config import Configuration
from percipio_openedx.enums import Kind, Retakes
from percipio_openedx.models.destination import Place, may_go
from percipio_openedx.models.learner_course import LONGEST_CONTENT_ID, LearnerCourse
from percipio_openedx.models.statement import Statement


def completed_elsewhere(
    configuration: Configuration, course_key: str, content_id: str, accounts: Mapping[int, str]
) -> dict[int, datetime]:
    """Return, by learner, the latest completion reported of this site's other runs under the content id.

    ``accounts`` holds each learner's account ("" for a site without accounts): what another account was told counts for
    nothing here, since this one has no record that could go back. A completion that was retracted is none. One query,
    and another one if there are such completions.
    """
    if configuration.policy.retakes is Retakes.EVERYTHING:
        return {}
    wanted = content_id[:LONGEST_CONTENT_ID]
    rows = LearnerCourse.objects.filter(user_id__in=accounts, site_id=configuration.site_id, reported_completed=True)
    rows = rows.filter(content_id=wanted).exclude(course_key=course_key)
    columns = ("pk", "user_id", "account", "content_id", "reported_completed_at")
    # MariaDB finds an id regardless of case; Percipio's catalog may hold both.
    completed = [row for row in rows.values_list(*columns) if row[3] == wanted and row[4] is not None]
    places = _places([row[0] for row in completed]) if completed else {}
    site_id, found = configuration.site_id, dict[int, datetime]()
    for pk, user_id, account, _, at in completed:
        # What was pruned here went, as far as anybody can tell, where the learner was then.
        if may_go(places.get(pk, (site_id, account)), (site_id, accounts[user_id])):
            found[user_id] = max(at, found.get(user_id, at))
    return found


def _places(rows: Iterable[int]) -> dict[int, Place]:
    """Return the place that each of these learners' latest completion was made for, by learner in a course."""
    made = Statement.objects.filter(learner_course_id__in=list(rows), kind=Kind.COMPLETED).order_by("sequence")
    columns = ("learner_course_id", "destination__site_id", "destination__account")
    return {pk: (site_id, account) for pk, site_id, account in made.values_list(*columns)}


def remember(rows: Iterable[int], content_id: str) -> None:
    """Write under which content id these learners in courses (by primary key) are known to Percipio from now on."""
    LearnerCourse.objects.filter(pk__in=list(rows)).update(content_id=content_id[:LONGEST_CONTENT_ID])
