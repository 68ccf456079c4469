"""Stand-in for the part of `common.djangoapps.course_modes.models` that enrolments and certificates ask."""

from __future__ import annotations


class CourseMode:
    """Names of the enrolment modes. The platform keeps them in a table; a demo course offers them all."""

    AUDIT = "audit"
    HONOR = "honor"
    VERIFIED = "verified"
    PROFESSIONAL = "professional"
    DEFAULT_MODE_SLUG = AUDIT
    CERTIFICATE_RELEVANT_MODES = (HONOR, VERIFIED)

    @classmethod
    def is_eligible_for_certificate(cls, mode_slug: str) -> bool:
        """Whether a learner in this mode can earn a certificate: not when auditing."""
        return mode_slug in cls.CERTIFICATE_RELEVANT_MODES

    @classmethod
    def modes_for_course_dict(cls, course_id: object) -> dict[str, object]:
        """What a learner may choose from when enrolling in a demo course."""
        return {cls.AUDIT: None}

    @classmethod
    def can_auto_enroll(cls, course_id: object) -> bool:
        """Whether the course is behind no paywall."""
        modes = cls.modes_for_course_dict(course_id)
        return not cls.has_professional_mode(modes) and (cls.AUDIT in modes or cls.HONOR in modes)

    @classmethod
    def auto_enroll_mode(cls, course_id: object, available_modes: dict[str, object]) -> str | None:
        """The mode in which a learner who has not chosen one enrolls."""
        return next((mode for mode in (cls.HONOR, cls.AUDIT) if mode in available_modes), None)

    @classmethod
    def has_verified_mode(cls, modes: dict[str, object]) -> bool:
        """Whether the verified track can be chosen."""
        return cls.VERIFIED in modes

    @classmethod
    def has_professional_mode(cls, modes: dict[str, object]) -> bool:
        """Whether the course is for those who pay."""
        return cls.PROFESSIONAL in modes
