"""What is observed: the hints to observe a learner in a course run, the reported state, and failed observations."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid5

from django.db import models
from django.utils.translation import gettext_lazy as _

from percipio_openedx.data import Reported
from percipio_openedx.models.fields import ExactCharField

# The root of every id this plugin makes (decision record 0006). Never change it.
NAMESPACE = UUID("5f0c3a3e-7f0b-5a54-9d8e-6a1c2f7f4b10")

# The fields of ``Reported`` with a column of their own; ``elsewhere`` is read from other rows.
REPORTED = tuple(one.name for one in fields(Reported) if one.name != "elsewhere")

# Longer content ids (addresses of courses with quoted letters) are compared by their beginning.
LONGEST_CONTENT_ID = 512

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
# A time further ahead, beyond clock skew, was written with a wrong clock.
FURTHEST = LONGEST_WAIT + timedelta(minutes=5)

# The ``user_id`` of an ``ObservationFailure`` of a whole course run.
WHOLE_COURSE = 0
# The course key of a notice about every course of the learner.
EVERY_COURSE = ""


class Reason(StrEnum):
    """Why to observe, for operators and where the observation differs."""

    ENROLLMENT = "enrollment"
    MODE = "mode"
    COMPLETION = "completion"
    GRADE = "grade"
    PASSING = "passing"
    FIRST_PASS = "first_pass"  # noqa: S105 - of a course
    CERTIFICATE = "certificate"
    COURSE_DATE = "course_date"
    REVOCATION = "revocation"
    SSO_LINK = "sso_link"
    RETIREMENT = "retirement"
    BACKFILL = "backfill"
    KNOWN_AGAIN = "known_again"
    SWEEP = "sweep"
    ASKED = "asked"


class Notice(models.Model):
    """*Observe this learner in this course run.* Append-only; only the pair of ids is trusted.

    No index but the primary key and no foreign key: the INSERT happens in the learner's own request, and must neither
    wait for a row of another table nor take part in a gap lock.

    .. no_pii: The row holds the LMS's own user id and a course key, and lives until the next observation.
    """

    id = models.BigAutoField(primary_key=True)
    user_id = models.PositiveBigIntegerField()
    course_key = models.CharField(max_length=255)
    reason = models.CharField(max_length=24)
    noticed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return f"notice {self.pk}: user={self.user_id} course={self.course_key} reason={self.reason}"


def registration_for(lms_root: str, user_id: int, course_key: str) -> UUID:
    """Return the registration of a learner in a course run (xAPI 1.0.3 Data 2.4.6.1): always the same.

    The site is not part of it, since operators change ``SITE_ID``. ``lms_root`` separates two installations that report
    to the same partner.
    """
    return uuid5(NAMESPACE, f"{lms_root}|{user_id}|{course_key}")


class LearnerCourse(models.Model):
    """One learner in one course run, and what has been reported of it.

    ``site_id`` is the course run's site at the last observation, not part of the row's identity, and ``account`` the
    account of that site whose learner this was ("" without accounts, or if it is nobody's). ``lease`` and
    ``leased_until`` make sure that observations of a learner in a course never overlap. The two percents are the last
    result of the platform's expensive progress function, ``activity_version`` what they depended on (completions, the
    version of the course run, and the learner's track, roles, cohort and gating); they are asked for again only when
    that changed, and unknown progress is never stored. ``observe_again_at`` is when to observe again without a notice:
    when the course may show a certificate that exists already, or ends. ``content_id`` is the course's id in Percipio's
    catalog under which something was last reported.

    .. no_pii: The row holds the LMS's own user id and what was reported, no name and no address.
    """

    id = models.BigAutoField(primary_key=True)
    user_id = models.PositiveBigIntegerField()
    course_key = models.CharField(max_length=255)
    site_id = models.PositiveIntegerField()
    account = ExactCharField(max_length=32, default="", blank=True)
    registration = models.UUIDField(unique=True)

    reported_started = models.BooleanField(default=False)
    reported_percent = models.PositiveSmallIntegerField(default=0)
    reported_passed = models.BooleanField(default=False)
    reported_failed = models.BooleanField(default=False)
    reported_completed = models.BooleanField(default=False)
    reported_passed_round = models.PositiveIntegerField(default=0)
    reported_failed_round = models.PositiveIntegerField(default=0)
    reported_completed_round = models.PositiveIntegerField(default=0)
    reported_turned_at = models.DateTimeField(null=True, blank=True)
    reported_anew = models.PositiveSmallIntegerField(default=0)
    reported_completed_at = models.DateTimeField(null=True, blank=True)
    content_id = models.CharField(max_length=LONGEST_CONTENT_ID, default="", blank=True)
    sequence = models.PositiveIntegerField(default=0)

    activity_version = models.CharField(max_length=64, default="", blank=True)
    percent_seen = models.PositiveSmallIntegerField(null=True, blank=True)
    percent_unlocked_seen = models.PositiveSmallIntegerField(null=True, blank=True)
    hold_reason = models.CharField(max_length=24, default="", blank=True)
    observe_again_at = models.DateTimeField(null=True, blank=True)
    observed_at = models.DateTimeField(null=True, blank=True)

    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("learner in a course")
        verbose_name_plural = _("learners in courses")
        permissions: ClassVar[list[tuple[str, Any]]] = [
            ("report_anew_learnercourse", _("Can report everything again to a learner's account")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_id", "course_key"], name="percipio_lc_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["course_key", "user_id"], name="percipio_lc_course"),
            models.Index(fields=["site_id", "hold_reason", "id"], name="percipio_lc_hold"),
            models.Index(fields=["lease"], name="percipio_lc_lease"),
            models.Index(fields=["observe_again_at"], name="percipio_lc_again"),
        ]

    def __str__(self) -> str:
        return f"user={self.user_id} course={self.course_key} site={self.site_id}"

    @classmethod
    def begun(cls, lms_root: str, user_id: int, course_key: str, site_id: int, **values: Any) -> LearnerCourse:
        """Return the row, unsaved, of a learner in a course run of whom nothing was reported yet."""
        registration = registration_for(lms_root, user_id, course_key)
        return cls(user_id=user_id, course_key=course_key, site_id=site_id, registration=registration, **values)

    @property
    def reported(self) -> Reported:
        return Reported(**{name: getattr(self, f"reported_{name}") for name in REPORTED})

    def remember(self, reported: Reported) -> None:
        """Set the reported state (the caller saves)."""
        for name in REPORTED:
            setattr(self, f"reported_{name}", getattr(reported, name))


class Part(StrEnum):
    """What could not be observed: everything, or only the expensive progress."""

    OBSERVATION = "observation"
    PROGRESS = "progress"


class ObservationFailureQuerySet(models.QuerySet["ObservationFailure"]):
    """Select failures by what they are about, and by when they are retried."""

    def of_courses(self) -> ObservationFailureQuerySet:
        return self.filter(user_id=WHOLE_COURSE)

    def of_learners(self) -> ObservationFailureQuerySet:
        return self.exclude(user_id=WHOLE_COURSE)

    def waiting(self, now: datetime) -> ObservationFailureQuerySet:
        """Select those backing off, including failures of a pass that began before ``now``."""
        return self.filter(retry_at__gte=now, retry_at__lte=now + FURTHEST)

    def due(self, now: datetime) -> ObservationFailureQuerySet:
        """Select those due for a retry, or with an implausible time."""
        return self.exclude(retry_at__gte=now, retry_at__lte=now + FURTHEST)


class ObservationFailure(models.Model):
    """A course run (``user_id`` 0), or a learner in one, that could not be observed.

    A course run backs off with all its notices until ``retry_at``, and holds up nothing else. For a learner this row is
    the hint to observe again, since no notice may follow. If only the progress is missing (``part``), the rest was
    reported. An empty ``course_key`` stands for all courses of a learner whose erasure failed. ``failures`` counts the
    tries in a row, ``failed_at`` is the last, ``reason`` the class of the error or our own message.

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
        return now <= self.retry_at <= now + FURTHEST

    def count(self, reason: str, now: datetime) -> None:
        """Count a failure (the caller saves). Of parallel runs that fail together only one counts."""
        if not self.waits(now):
            self.failures += 1
            self.retry_at = now + wait(self.failures)
        self.reason, self.failed_at = reason, now


def wait(failures: int) -> timedelta:
    """Return the backoff after failures in a row: none after the first, then a minute, doubled up to an hour."""
    if failures < 2:
        return timedelta()
    # Larger powers would overflow after years of failing.
    doubled: int = 2 ** min(failures - 2, 16)
    return min(LONGEST_WAIT, FIRST_WAIT * doubled)
