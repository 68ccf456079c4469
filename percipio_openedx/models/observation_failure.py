"""What could not be observed, and when it is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

# After a first failure the next pass tries again: most often it was the moment. After the second it waits that long,
# and twice as long after each further one, up to an hour.
FIRST_WAIT = timedelta(seconds=60)
LONGEST_WAIT = timedelta(hours=1)
# What lies further ahead than that, and than the clocks of two servers differ, was written by a clock that was wrong.
FURTHEST = LONGEST_WAIT + timedelta(minutes=5)

WHOLE_COURSE = 0


class Part(StrEnum):
    """What of a course or a learner it is: everything, or only the expensive progress."""

    OBSERVATION = "observation"
    PROGRESS = "progress"


class ObservationFailureQuerySet(models.QuerySet["ObservationFailure"]):
    """Names that read like the domain."""

    def of_courses(self) -> ObservationFailureQuerySet:
        """About whole course runs."""
        return self.filter(user_id=WHOLE_COURSE)

    def of_learners(self) -> ObservationFailureQuerySet:
        """About single learners in a course run."""
        return self.exclude(user_id=WHOLE_COURSE)

    def waiting(self, now: datetime) -> ObservationFailureQuerySet:
        """Not to be tried yet: what has just failed for the first time neither, by the pass that began before."""
        return self.filter(retry_at__gte=now, retry_at__lte=now + FURTHEST)

    def due(self, now: datetime) -> ObservationFailureQuerySet:
        """To be tried again, or with a time that cannot be right."""
        return self.exclude(retry_at__gte=now, retry_at__lte=now + FURTHEST)


class ObservationFailure(models.Model):
    """A course run (``user_id`` 0), or a learner in one, that the LMS could not be asked about.

    A course run waits with all its notices until ``retry_at``, so that nobody else is held up by it. Of a learner this
    row is the hint to look again: nothing else may bring one. Where only the progress is missing (``part``) the rest
    has been reported. An empty ``course_key`` stands for all of a learner's courses: an erasure that failed.
    ``failures`` counts the tries in a row, ``failed_at`` is the last of them, ``reason`` the class of what was raised,
    or our own words.

    .. no_pii: The row holds the LMS's own user id, a course key and the class of an error.
    """

    id = models.BigAutoField(primary_key=True)
    course_key = models.CharField(max_length=255)
    user_id = models.PositiveBigIntegerField(default=WHOLE_COURSE)
    part = models.CharField(max_length=16, default=Part.OBSERVATION.value)
    reason = models.CharField(max_length=255)
    failures = models.PositiveIntegerField(default=1)
    failing_since = models.DateTimeField()
    failed_at = models.DateTimeField()
    retry_at = models.DateTimeField()

    objects = ObservationFailureQuerySet.as_manager()

    class Meta:
        app_label = "percipio_openedx"
        verbose_name = _("observation that failed")
        verbose_name_plural = _("observations that failed")
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["course_key", "user_id", "part"], name="percipio_of_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["retry_at"], name="percipio_of_retry"),
        ]

    def __str__(self) -> str:
        who = f" user={self.user_id}" if self.user_id else ""
        return f"course={self.course_key}{who} {self.part}: {self.reason}"

    def waits(self, now: datetime) -> bool:
        """Whether it is not to be tried yet (``ObservationFailureQuerySet.waiting`` of one row)."""
        return now <= self.retry_at <= now + FURTHEST

    def count(self, reason: str, now: datetime) -> None:
        """It failed (the caller saves). What waits is not counted: of runs beside each other one does."""
        if not self.waits(now):
            self.failures += 1
            self.retry_at = now + wait(self.failures)
        self.reason, self.failed_at = reason, now


def wait(failures: int) -> timedelta:
    """How long to wait after so many failures in a row, of which the first is 1."""
    if failures < 2:
        return timedelta()
    # 2 ** 16 minutes are far beyond the longest wait, and larger powers would overflow after years of failing.
    doubled: int = 2 ** min(failures - 2, 16)
    return min(LONGEST_WAIT, FIRST_WAIT * doubled)
