"""Who looks at a learner and course now: leases on ``LearnerCourse`` rows, taken for a course's learners at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.db.models import Q, QuerySet

from percipio_openedx import config
from percipio_openedx.db import persistently
from percipio_openedx.models.learner_course import LearnerCourse, registration_for
from percipio_openedx.models.statement import LONGEST_LEASE

# Longer than a look takes, in which the platform may need half a second for each learner's share; a worker that died
# gives its learners back after this.
LEASE = timedelta(seconds=60)
LEASE_FOR_EACH = timedelta(seconds=0.6)


@dataclass(frozen=True, slots=True)
class Claim:
    """The learners of one course run that this look has to itself, by user id. ``busy`` are somebody else's."""

    lease: UUID
    rows: dict[int, LearnerCourse] = field(default_factory=dict)
    busy: frozenset[int] = frozenset()


def claim(site_id: int, course_key: str, user_ids: Sequence[int], now: datetime) -> Claim:
    """Take the leases that are free, making the rows that are not there yet. A number of queries, not one a learner.

    Arguments:
        site_id: the site that the course run belongs to now; rows that another one reported are its from here on.
        course_key: of the course run.
        user_ids: the learners.
        now: the time of the look.

    Raises:
        IntegrityError: a row can neither be made nor found. Nobody's lease is held then.
    """
    lease, until = uuid4(), now + LEASE + len(user_ids) * LEASE_FOR_EACH
    _make_missing(site_id, course_key, user_ids, lease, until)
    _take(site_id, course_key, user_ids, lease, now, until)
    rows = {row.user_id: row for row in LearnerCourse.objects.filter(lease=lease)}
    busy = frozenset(user_ids) - frozenset(rows)
    if busy and _known(course_key, busy).count() < len(busy):
        # An INSERT that passes over what is there already passes over what is refused, too.
        release(lease)
        raise IntegrityError("a row of LearnerCourse cannot be made")
    return Claim(lease=lease, rows=rows, busy=busy)


def _known(course_key: str, user_ids: Collection[int]) -> QuerySet[LearnerCourse]:
    return LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)


@persistently
def _take(site_id: int, course_key: str, user_ids: Sequence[int], lease: UUID, now: datetime, until: datetime) -> None:
    # One that ends later than any lease does is that of a worker whose clock was ahead.
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now) | Q(leased_until__gt=now + LONGEST_LEASE)
    _known(course_key, user_ids).filter(free).update(lease=lease, leased_until=until, site_id=site_id)


@persistently
def release(lease: UUID) -> None:
    """Give back whatever is still held under ``lease``, changed by nobody."""
    LearnerCourse.objects.filter(lease=lease).update(lease=None, leased_until=None)


@persistently
def _make_missing(site_id: int, course_key: str, user_ids: Sequence[int], lease: UUID, until: datetime) -> None:
    """Make the rows that are not there yet, taken. Workers that make the same ones at once may deadlock."""
    known = _known(course_key, user_ids).values_list("user_id", flat=True)
    missing = set(user_ids) - set(known)
    root = config.lms_root()
    LearnerCourse.objects.bulk_create(
        (
            LearnerCourse(
                user_id=user_id,
                registration=registration_for(root, user_id, course_key),
                site_id=site_id,
                course_key=course_key,
                lease=lease,
                leased_until=until,
            )
            for user_id in sorted(missing)
        ),
        ignore_conflicts=True,
    )
