"""The codes that rows, settings and statements share: what is reported, when, and why not.

Apart from the values (``data``), for every process of the LMS reads these when it starts: the models need them.
"""

from __future__ import annotations

from enum import StrEnum


class Api(StrEnum):
    """Which of Percipio's two APIs a site reports to."""

    STATEMENTS = "statements"
    TRACK = "track"


class Kind(StrEnum):
    """The milestones, in the order in which they are reported."""

    STARTED = "started"
    PROGRESSED = "progressed"
    PASSED = "passed"
    COMPLETED = "completed"
    RETRACTED = "retracted"


class StartedOn(StrEnum):
    """When a course run counts as started (``PERCIPIO_STARTED_ON``)."""

    ENROLLMENT = "enrollment"
    FIRST_ACTIVITY = "first_activity"


class CompletedOn(StrEnum):
    """When a course run counts as completed (``PERCIPIO_COMPLETED_ON``)."""

    PASSED = "passed"
    PROGRESS = "progress"
    CERTIFICATE = "certificate"
    ANY = "any"


class Undone(StrEnum):
    """What to do with a completion that the LMS takes back (``PERCIPIO_UNDONE``)."""

    KEEP = "keep"
    RETRACT = "retract"


class HoldReason(StrEnum):
    """Why a learner and course were looked at and nothing was reported. Shown to operators as it is."""

    NOT_ENROLLED = "not_enrolled"
    INACTIVE = "inactive_account"
    RETIRED = "retired"
    UNKNOWN_LEARNER = "unknown_learner"
    UNKNOWN_COURSE = "unknown_course"
    NO_EMAIL = "no_email"
    NO_EXTERNAL_ID = "no_external_id"
    NO_SSO_LINK = "no_sso_link"
    NO_SSO_VALUE = "no_sso_value"
    AMBIGUOUS_SSO = "ambiguous_sso"
    NOT_SELECTED = "not_selected"
    COURSE_LEFT_OUT = "course_left_out"
    NO_ORGANIZATION = "no_organization"
    UNSAYABLE = "unsayable"
