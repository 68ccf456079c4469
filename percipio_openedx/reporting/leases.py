"""Leases on ``LearnerCourse`` rows: one worker at a time observes a learner in a course, claimed in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.db.models import Q

from percipio_openedx import config
from percipio_openedx.db import persistently
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import LONGEST_LEASE

# Longer than an observation takes (the platform may need half a second for each learner's progress). A dead worker's
# leases expire after this.
LEASE = timedelta(seconds=60)
LEASE_FOR_EACH = timedelta(seconds=0.6)


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
    lease, until = uuid4(), now + LEASE + len(user_ids) * LEASE_FOR_EACH
    known = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
    missing = set(user_ids) - set(known.values_list("user_id", flat=True))
    root, held = config.lms_root(), {"lease": lease, "leased_until": until}
    new = [LearnerCourse.begun(root, user_id, course_key, site_id, **held) for user_id in sorted(missing)]
    # Workers that insert the same rows at once may deadlock.
    persistently(LearnerCourse.objects.bulk_create)(new, ignore_conflicts=True)
    # A lease that ends later than any lease can was taken with a wrong clock.
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now) | Q(leased_until__gt=now + LONGEST_LEASE)
    persistently(known.filter(free).update)(**held, site_id=site_id)
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
