"""Whether certificates can be seen."""

from __future__ import annotations

from datetime import UTC, datetime

from xmodule.data import CertificatesDisplayBehaviors


def should_certificate_be_visible(
    certificates_display_behavior: str | None,
    certificates_show_before_end: bool,
    has_ended: bool,
    certificate_available_date: datetime | None,
    self_paced: bool,
) -> bool:
    """Whether learners of a course with these settings see their certificates now."""
    is_early = certificates_display_behavior == CertificatesDisplayBehaviors.EARLY_NO_INFO
    has_its_day = (
        certificates_display_behavior == CertificatesDisplayBehaviors.END_WITH_DATE
        and certificate_available_date is not None
        and certificate_available_date < datetime.now(UTC)
    )
    is_over = certificates_display_behavior == CertificatesDisplayBehaviors.END and has_ended
    return self_paced or certificates_show_before_end or is_early or has_its_day or is_over
