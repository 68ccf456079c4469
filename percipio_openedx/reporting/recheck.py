"""Looking again at learners of whom something comes true by the passing of time, which no signal of the LMS tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from percipio_openedx import config
from percipio_openedx.data import Observed, Policy, Reported
from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.notice import Notice, Reason
from percipio_openedx.reporting import milestones

# No longer: a course's day may be brought forward, and no signal tells whose certificates that is about.
LONGEST_WAIT = timedelta(days=1)
AT_ONCE = 1000


def time_for(
    row: LearnerCourse, reported: Reported, observed: Observed, policy: Policy, now: datetime
) -> datetime | None:
    """Return when to look again at a learner although nobody may do anything; None for only when something happens.

    Arguments:
        row: of the learner and course; a time that it has already, and that is no later, stays.
        told: what has been reported, with what is due now.
        truth: what the LMS says now.
        policy: the site's choices.
        now: the time of the look.
    """
    if observed.certificate is None or not milestones.awaits_certificate(reported, observed, policy):
        return None
    latest, shown_at = now + LONGEST_WAIT, observed.certificate.available_at
    at = shown_at if shown_at is not None and now < shown_at < latest else latest
    planned = row.observe_again_at
    return planned if planned is not None and now < planned <= at else at


def notice_due(now: datetime) -> None:
    """Leave a notice for everybody whose time to be looked at again has come.

    A time further ahead than the longest wait is that of a clock that was wrong, and has come, too.
    """
    is_due = Q(observe_again_at__lte=now) | Q(observe_again_at__gt=now + LONGEST_WAIT)
    noticed_at = now - timedelta(seconds=config.gathering())
    while rows := list(LearnerCourse.objects.filter(is_due).values_list("pk", "user_id", "course_key")[:AT_ONCE]):
        Notice.objects.bulk_create(
            Notice(user_id=user_id, course_key=key, reason=Reason.CERTIFICATE_SHOWN, noticed_at=noticed_at)
            for _, user_id, key in rows
        )
        _clear([pk for pk, _, _ in rows], is_due)


def next_at() -> datetime | None:
    """Return when the next time comes; None where nobody waits for one."""
    waiting = LearnerCourse.objects.filter(observe_again_at__isnull=False).order_by("observe_again_at")
    return waiting.values_list("observe_again_at", flat=True).first()


@persistently
def _clear(pks: Sequence[int], is_due: Q) -> None:
    """Only after the notices are there: whoever is killed in between leaves them twice, and nobody out."""
    with without_gap_locks():
        LearnerCourse.objects.filter(is_due, pk__in=pks).update(observe_again_at=None)
