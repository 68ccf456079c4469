"""Re-export, as the platform does."""

from .signals import (
    ENROLL_STATUS_CHANGE,
    ENROLLMENT_TRACK_UPDATED,
    REFUND_ORDER,
    UNENROLL_DONE,
    USER_EMAIL_CHANGED,
)

__all__ = [
    "ENROLLMENT_TRACK_UPDATED",
    "ENROLL_STATUS_CHANGE",
    "REFUND_ORDER",
    "UNENROLL_DONE",
    "USER_EMAIL_CHANGED",
]
