"""What is known here of learners before they are observed: their rows, what was reported of them, and their names.

A worker observes a learner in a course under a lease, so that no other does; leases are claimed in bulk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import IntegrityError

from percipio_openedx import config
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course, LearnerIdentity
from percipio_openedx.db import persistently
from percipio_openedx.enums import Kind, Retakes
from percipio_openedx.models.destination import Place, may_go
from percipio_openedx.models.learner_course import LONGEST_CONTENT_ID, LearnerCourse
from percipio_openedx.models.statement import Statement, unleased
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.statements import content
from percipio_openedx.statements.ids import actor_key_of

# Longer than an observation takes (the platform may need half a second for each learner's progress). A dead worker's
# leases expire after this.
LEASE = timedelta(seconds=60)
LEASE_FOR_EACH = timedelta(seconds=0.6)
# The ORM makes two containers of each value of an INSERT: more rows at once would be the garbage collector's work, and
# a row of statements may exceed 16 KB where ``max_allowed_packet`` is 16 MB.
ROWS_IN_AN_INSERT = 50


# --- rows under a lease -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """The leased rows of one course run, by user id; ``busy`` are learners leased by another worker."""

    lease: UUID
    rows: dict[int, LearnerCourse]
    busy: frozenset[int]


def claim(site_id: int, course_key: str, user_ids: Sequence[int], now: datetime) -> Claim:
    """Lease the free rows, creating missing ones. The number of queries does not grow with the learners.

    Rows of another site move to ``site_id``, the course run's site now.

    Raises:
        IntegrityError: a row can neither be created nor found. No lease is held then.
    """
    lease, root = uuid4(), config.lms_root()
    held = {"lease": lease, "leased_until": now + LEASE + len(user_ids) * LEASE_FOR_EACH}
    known = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
    missing = set(user_ids) - set(known.values_list("user_id", flat=True))
    new = [LearnerCourse.begun(root, user_id, course_key, site_id, **held) for user_id in sorted(missing)]
    # Workers that insert the same rows at once may deadlock.
    persistently(LearnerCourse.objects.bulk_create)(new, batch_size=ROWS_IN_AN_INSERT, ignore_conflicts=True)
    persistently(known.filter(unleased(now)).update)(**held, site_id=site_id)
    rows = {row.user_id: row for row in LearnerCourse.objects.filter(lease=lease)}
    busy = frozenset(user_ids) - frozenset(rows)
    if busy and known.filter(user_id__in=busy).count() < len(busy):
        # An INSERT that ignores existing rows also ignores rejected ones.
        release(lease)
        raise IntegrityError("a row of LearnerCourse cannot be made")
    return Claim(lease=lease, rows=rows, busy=busy)


@persistently
def release(lease: UUID) -> None:
    """Release the rows still held under ``lease``, unchanged."""
    LearnerCourse.objects.filter(lease=lease).update(lease=None, leased_until=None)


# --- the same content in other course runs (``PERCIPIO_RETAKES``) -----------------------------------------------------


def completed_elsewhere(
    configuration: Configuration, course: Course, accounts: Mapping[int, str]
) -> dict[int, datetime]:
    """Return, by learner, the latest completion reported of this site's other runs under the course's content id.

    ``accounts`` holds each learner's account ("" for a site without accounts): what another account was told counts for
    nothing here, since this one has no record that could go back. A completion that was retracted is none. One query,
    and another one if there are such completions.
    """
    if not accounts or configuration.policy.retakes is Retakes.EVERYTHING:
        return {}
    wanted = content.content_id(course, configuration.content_id, configuration.lms_root)[:LONGEST_CONTENT_ID]
    rows = LearnerCourse.objects.filter(user_id__in=accounts, site_id=configuration.site_id, reported_completed=True)
    rows = rows.filter(content_id=wanted).exclude(course_key=course.key)
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


# --- learners whom Percipio does not know -----------------------------------------------------------------------------


class RefusedName(NamedTuple):
    """The row of a learner unknown at a destination, and the key of the name that was refused there."""

    pk: int
    actor_key: str

    def is_of(self, identity: LearnerIdentity) -> bool:
        """Whether the learner is still called so; raises ``StatementError`` if no statement can name the learner."""
        return actor_key_of(content.learner(identity)) == self.actor_key


# By user id, account and Percipio organization, at the destinations of one site.
RefusedNames = Mapping[tuple[int, str, str], RefusedName]


def refused_names(configuration: Configuration, user_ids: Collection[int]) -> RefusedNames:
    """Return who of these is unknown to Percipio at the destinations of the site and its accounts. One query."""
    rows = UnknownLearner.objects.filter(user_id__in=user_ids, destination__site_id=configuration.site_id)
    if not configuration.accounts:
        rows = rows.filter(destination__account="", destination__own_credentials=configuration.own_credentials)
    columns = ("user_id", "destination__account", "destination__organization", "pk", "actor_key")
    return {
        (user_id, account, organization): RefusedName(pk, key)
        for user_id, account, organization, pk, key in rows.values_list(*columns)
    }
