"""Choices that a course's settings have."""

from __future__ import annotations

from enum import Enum


class CertificatesDisplayBehaviors(str, Enum):  # noqa: UP042 - as the platform has it
    """When a course shows its certificates."""

    END = "end"
    END_WITH_DATE = "end_with_date"
    EARLY_NO_INFO = "early_no_info"
