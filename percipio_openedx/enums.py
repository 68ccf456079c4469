"""The choices that rows, settings, statements and pages share: what is reported, when, and why not."""

from __future__ import annotations

from enum import StrEnum


class Api(StrEnum):
    """Which of Percipio's two APIs a site reports to."""

    STATEMENTS = "statements"
    TRACK = "track"


class Kind(StrEnum):
    """The milestones, in reporting order."""

    STARTED = "started"
    PROGRESSED = "progressed"
    PASSED = "passed"
    FAILED = "failed"
    COMPLETED = "completed"
    RETRACTED = "retracted"


class StartedOn(StrEnum):
    """When a course run counts as started (``PERCIPIO_STARTED_ON``)."""

    ENROLLMENT = "enrollment"
    FIRST_ACTIVITY = "first_activity"


class CompletedOn(StrEnum):
    """When a course run counts as completed (``PERCIPIO_COMPLETED_ON``).

    ``COURSE``: passed where the course is graded, every unit done where it is not.
    """

    COURSE = "course"
    PASSED = "passed"
    PROGRESS = "progress"
    CERTIFICATE = "certificate"
    ANY = "any"


class LockedUnits(StrEnum):
    """How units that a learner may not open count in the progress (``PERCIPIO_LOCKED_UNITS``)."""

    COUNT = "count"
    LEAVE_OUT = "leave_out"


class ProgressSource(StrEnum):
    """Who counts what a learner has done of a course run (``PERCIPIO_PROGRESS_FROM``)."""

    PLATFORM = "platform"
    AGGREGATOR = "aggregator"


class Undone(StrEnum):
    """What to do with a completion that the LMS takes back (``PERCIPIO_UNDONE``)."""

    KEEP = "keep"
    RETRACT = "retract"


class Retakes(StrEnum):
    """What is reported of a course that was reported as completed in another run (``PERCIPIO_RETAKES``)."""

    COMPLETIONS = "completions"
    EVERYTHING = "everything"
    FIRST_ONLY = "first_only"


class Offering(StrEnum):
    """Which course runs a site offers to Percipio (``PERCIPIO_CATALOG``)."""

    NONE = ""
    CHOSEN = "chosen"
    ALL_VISIBLE = "all visible"


class ReportedCourses(StrEnum):
    """Of which courses learners are reported (``PERCIPIO_COURSES``)."""

    ALL = "all"
    CATALOG = "catalog"


class Offer(StrEnum):
    """What an operator decided of a course run in the catalog; unset: as ``PERCIPIO_CATALOG`` says."""

    UNSET = ""
    OFFERED = "offered"
    WITHDRAWN = "withdrawn"


class CatalogGap(StrEnum):
    """What an item of the catalog lacks, so that it is held back."""

    TITLE = "no_title"
    DURATION = "no_duration"
    LANGUAGE = "no_language"
    URL = "no_url"
    LONG_ID = "id_too_long"
    # Of the linked-content file alone.
    DESCRIPTION = "no_description"
    ALPHABET = "id_does_not_fit"


class HoldReason(StrEnum):
    """Why nothing is reported of a learner in a course."""

    NOT_ENROLLED = "not_enrolled"
    INACTIVE = "inactive_account"
    RETIRED = "retired"
    UNKNOWN_LEARNER = "unknown_learner"
    UNKNOWN_COURSE = "unknown_course"
    NO_EMAIL = "no_email"
    ODD_EMAIL = "odd_email"
    NO_EXTERNAL_ID = "no_external_id"
    NO_SSO_LINK = "no_sso_link"
    NO_SSO_VALUE = "no_sso_value"
    UNREADABLE_SSO = "unreadable_sso"
    AMBIGUOUS_SSO = "ambiguous_sso"
    NOT_SELECTED = "not_selected"
    MODE_LEFT_OUT = "mode_left_out"
    COURSE_LEFT_OUT = "course_left_out"
    NOT_IN_CATALOG = "not_in_catalog"
    NO_ORGANIZATION = "no_organization"
    ODD_ORGANIZATION = "odd_organization"
    NO_ACCOUNT = "no_account"
    ACCOUNT_OFF = "account_off"
    UNSAYABLE = "unsayable"
    STOPPED = "stopped"
    UNKNOWN_TO_PERCIPIO = "unknown_to_percipio"


class Outcome(StrEnum):
    """The meaning of an answer, for the request as a whole or for one statement of it."""

    ACCEPTED = "accepted"
    PARTIAL = "partial"
    CONFLICT = "conflict"
    # A success with no information beyond its status: trusted at once for a Track record, for statements only when
    # repeated (``delivery.breaker``).
    PLAIN = "plain"
    # A success that its body denies, or that is not Percipio's: neither success nor refusal.
    DOUBT = "doubt"
    LATER = "later"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    REFUSED = "refused"


class UnreportedReason(StrEnum):
    """Why a milestone is not reported although its learner is (``reporting.unreported``)."""

    NOT_CHOSEN = "not_chosen"
    RETAKE = "retake"
    OLDER_COMPLETION = "older_completion"
    OTHERS_CAME_FIRST = "others_came_first"
    NO_ACTIVITY = "no_activity"
    COMPLETED_BEFORE = "completed_before"
    PROGRESS_UNKNOWN = "progress_unknown"
    NO_PROGRESS = "no_progress"
    ALL_UNITS = "all_units"
    STEP_NOT_REACHED = "step_not_reached"
    NO_GRADE = "no_grade"
    NOT_PASSED = "not_passed"
    NOT_PASSING_NOW = "not_passing_now"
    NOT_GRADED = "not_graded"
    RUN_NOT_ENDED = "run_not_ended"
    PASSES = "passes"
    FAILED_BEFORE = "failed_before"
    REPORTED_AS_PASSED = "reported_as_passed"
    NOT_ENROLLED_NOW = "not_enrolled_now"
    UNITS_LEFT = "units_left"
    UNITS_LOCKED = "units_locked"
    NO_CERTIFICATE = "no_certificate"
    CERTIFICATE_NOT_HELD = "certificate_not_held"
    CERTIFICATE_NOT_SHOWN = "certificate_not_shown"
    NONE_OF_THREE = "none_of_three"


class Pause(StrEnum):
    """Why a destination pauses until a person fixes something."""

    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    OWN_CREDENTIALS = "own_credentials"
    CONFIGURATION = "configuration"
    NOT_CONFIGURED = "not_configured"
    PRIVATE_ADDRESS = "private_address"
    ACCOUNT_OFF = "account_off"
    NO_ACCOUNT = "no_account"


# Switched off on purpose, which is no problem.
SWITCHED_OFF = (Pause.NOT_CONFIGURED, Pause.ACCOUNT_OFF)
