"""Who observes a learner and course now: leases on ``LearnerCourse`` rows, taken for a course's learners at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.db.models import Q

from percipio_openedx import config
from percipio_openedx.db import persistently
from percipio_openedx.models.learner_course import LearnerCourse, registration_for
from percipio_openedx.models.statement import LONGEST_LEASE

# Longer than an observation takes, in which the platform may need half a second for each learner's progress; a worker
# that died gives its learners back after this.
LEASE = timedelta(seconds=60)
LEASE_FOR_EACH = timedelta(seconds=0.6)


@dataclass(frozen=True, slots=True)
class Claim:
    """The learners of one course run that this observation has to itself, by user id. ``busy`` are somebody else's."""

    lease: UUID
    rows: dict[int, LearnerCourse]
    busy: frozenset[int]


def claim(site_id: int, course_key: str, user_ids: Sequence[int], now: datetime) -> Claim:
    """Take the leases that are free, making the rows that are not there yet. A number of queries, not one a learner.

    Arguments:
        site_id: the site that the course run belongs to now; rows that another one reported are its from here on.
        course_key: of the course run.
        user_ids: the learners.
        now: the time of the observation.

    Raises:
        IntegrityError: a row can neither be made nor found. Nobody's lease is held then.
    """
    lease, until = uuid4(), now + LEASE + len(user_ids) * LEASE_FOR_EACH
    known = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
    missing = set(user_ids) - set(known.values_list("user_id", flat=True))
    root = config.lms_root()
    new = [
        LearnerCourse(
            user_id=user_id,
            registration=registration_for(root, user_id, course_key),
            site_id=site_id,
            course_key=course_key,
            lease=lease,
            leased_until=until,
        )
        for user_id in sorted(missing)
    ]
    # Workers that make the same ones at once may deadlock.
    persistently(LearnerCourse.objects.bulk_create)(new, ignore_conflicts=True)
    # One that ends later than any lease does is that of a worker whose clock was ahead.
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now) | Q(leased_until__gt=now + LONGEST_LEASE)
    persistently(known.filter(free).update)(lease=lease, leased_until=until, site_id=site_id)
    rows = {row.user_id: row for row in LearnerCourse.objects.filter(lease=lease)}
    busy = frozenset(user_ids) - frozenset(rows)
    if busy and known.filter(user_id__in=busy).count() < len(busy):
        # An INSERT that passes over what is there already passes over what is refused, too.
        release(lease)
        raise IntegrityError("a row of LearnerCourse cannot be made")
    return Claim(lease=lease, rows=rows, busy=busy)


@persistently
def release(lease: UUID) -> None:
    """Give back whatever is still held under ``lease``, changed by nobody."""
    LearnerCourse.objects.filter(lease=lease).update(lease=None, leased_until=None)
