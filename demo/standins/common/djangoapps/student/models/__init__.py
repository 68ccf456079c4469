"""Stand-in for `common.djangoapps.student.models`."""

from .course_enrollment import (
    AlreadyEnrolledError,
    CourseEnrollment,
    CourseEnrollmentException,
    CourseFullError,
    EnrollmentClosedError,
    EnrollStatusChange,
    FBEEnrollmentExclusion,
    NonExistentCourseError,
)
from .user import (
    CourseAccessRole,
    UserProfile,
    get_potentially_retired_user_by_username,
    get_retired_email_by_email,
    get_retired_username_by_username,
    is_email_retired,
    is_username_retired,
)

__all__ = [
    "AlreadyEnrolledError",
    "CourseAccessRole",
    "CourseEnrollment",
    "CourseEnrollmentException",
    "CourseFullError",
    "EnrollStatusChange",
    "EnrollmentClosedError",
    "FBEEnrollmentExclusion",
    "NonExistentCourseError",
    "UserProfile",
    "get_potentially_retired_user_by_username",
    "get_retired_email_by_email",
    "get_retired_username_by_username",
    "is_email_retired",
    "is_username_retired",
]
