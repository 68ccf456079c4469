"""The hint that a learner did something: written in the learner's request, deleted after the observation."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

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
