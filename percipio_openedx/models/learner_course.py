"""What has been reported of one learner in one course run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from uuid import UUID, uuid5

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from percipio_openedx.data import Reported

# The root of every id this plugin makes (decision record 0006). Never change it: an id is a promise.
NAMESPACE = UUID("5f0c3a3e-7f0b-5a54-9d8e-6a1c2f7f4b10")


def registration_for(lms_root: str, user_id: int, course_key: str) -> UUID:
    """Return the registration of a learner in a course run (xAPI 1.0.3 Data 2.4.6.1): always the same.

    A course run belongs to one site at a time, so the site's number is no part of it: that of the default site is
    changed by operators (``SITE_ID``), and nothing is a new fact because of it.

    Arguments:
        lms_root: keeps two installations that report to the same partner apart.
        user_id: the LMS's own id of the learner.
        course_key: of the course run.
    """
    return uuid5(NAMESPACE, f"{lms_root}|{user_id}|{course_key}")


class LearnerCourse(models.Model):
    """One learner in one course run, and what has been reported of it.

    ``site_id`` is the site that the course run belonged to when it was last observed; it is no part of what the row
    is. ``lease`` and ``leased_until`` say who is observing now: two observations of one learner in one course never
    overlap. The two percents are what the platform's expensive progress function said last, ``activity_version`` what
    they depended on (the learner's completions, the course's outline, the enrollment's mode), so that it is asked only
    when that changed. What it could not say is never remembered. ``observe_again_at`` is when to observe again though
    nobody may do anything: when the course may show a certificate that is there already.

    .. no_pii: The row holds the LMS's own user id and what was reported, no name and no address.
    """

    id = models.BigAutoField(primary_key=True)
    user_id = models.PositiveBigIntegerField()
    course_key = models.CharField(max_length=255)
    site_id = models.PositiveIntegerField()
    registration = models.UUIDField(unique=True)

    reported_started = models.BooleanField(default=False)
    reported_percent = models.PositiveSmallIntegerField(default=0)
    reported_passed = models.BooleanField(default=False)
    reported_completed = models.BooleanField(default=False)
    reported_passed_round = models.PositiveIntegerField(default=0)
    reported_completed_round = models.PositiveIntegerField(default=0)
    reported_turned_at = models.DateTimeField(null=True, blank=True)
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
        app_label = "percipio_openedx"
        verbose_name = _("learner in a course")
        verbose_name_plural = _("learners in courses")
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

    @property
    def reported(self) -> Reported:
        """What has been reported so far, as the milestones compare it."""
        # Here and not above: the LMS starts with this model, and without what compares.
        from percipio_openedx.data import Reported

        return Reported(
            started=self.reported_started,
            percent=self.reported_percent,
            passed=self.reported_passed,
            completed=self.reported_completed,
            passed_round=self.reported_passed_round,
            completed_round=self.reported_completed_round,
            turned_at=self.reported_turned_at,
        )

    def remember(self, reported: Reported) -> None:
        """Take over what is reported from now on (the caller saves)."""
        self.reported_started = reported.started
        self.reported_percent = reported.percent
        self.reported_passed = reported.passed
        self.reported_completed = reported.completed
        self.reported_passed_round = reported.passed_round
        self.reported_completed_round = reported.completed_round
        self.reported_turned_at = reported.turned_at
