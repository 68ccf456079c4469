"""Stand-in for the part of `common.djangoapps.course_modes.models` that enrolments and certificates ask."""

from __future__ import annotations


class CourseMode:
    """Names of the enrolment modes. The platform keeps them in a table; a demo course offers them all."""

    AUDIT = "audit"
    HONOR = "honor"
    VERIFIED = "verified"
    DEFAULT_MODE_SLUG = AUDIT
    CERTIFICATE_RELEVANT_MODES = (HONOR, VERIFIED)

    @classmethod
    def is_eligible_for_certificate(cls, mode_slug: str) -> bool:
        """Whether a learner in this mode can earn a certificate: not when auditing."""
        return mode_slug in cls.CERTIFICATE_RELEVANT_MODES
