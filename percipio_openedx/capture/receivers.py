"""The receivers: each appends one notice and never raises. ``apps.py`` connects them.

A signal that a release of the LMS lacks is harmless (``edx_platform.signal``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models.signals import post_save

from percipio_openedx import config
from percipio_openedx.capture import notices, wake
from percipio_openedx.edx_platform import signal, stored_key
from percipio_openedx.models.learner_course import EVERY_COURSE, Reason

LEARNING = "openedx_events.learning.signals"

COURSE_ENROLLMENT_CREATED = signal(LEARNING, "COURSE_ENROLLMENT_CREATED")
ENROLLMENT_TRACK_UPDATED = signal("common.djangoapps.student.signals.signals", "ENROLLMENT_TRACK_UPDATED")
PERSISTENT_GRADE_SUMMARY_CHANGED = signal(LEARNING, "PERSISTENT_GRADE_SUMMARY_CHANGED")
COURSE_PASSING_STATUS_UPDATED = signal(LEARNING, "COURSE_PASSING_STATUS_UPDATED")
CERTIFICATE_CREATED = signal(LEARNING, "CERTIFICATE_CREATED")
CERTIFICATE_REVOKED = signal(LEARNING, "CERTIFICATE_REVOKED")
COURSE_GRADE_PASSED_FIRST_TIME = signal("lms.djangoapps.grades.signals.signals", "COURSE_GRADE_PASSED_FIRST_TIME")
USER_RETIRE_LMS_MISC = signal("openedx.core.djangoapps.user_api.accounts.signals", "USER_RETIRE_LMS_MISC")
USER_RETIRE_LMS_CRITICAL = signal("openedx.core.djangoapps.user_api.accounts.signals", "USER_RETIRE_LMS_CRITICAL")
ROW_SAVED = post_save


def notice(reason: Reason, read: Callable[..., tuple[Any, Any]]) -> Callable[..., None]:
    """Return a receiver that appends a notice and never fails the learner's request.

    ``read`` extracts user id and course key from the signal; without a user id nothing is noticed. The receiver returns
    None, since openedx-events logs what receivers return.
    """

    def note(carried: dict[str, Any]) -> None:
        user_id, course_key = read(**carried) if config.is_on() else (None, None)
        if user_id:
            notices.append(int(user_id), stored_key(course_key), reason)
            wake.on_commit()

    def receiver(sender: Any = None, **carried: Any) -> None:
        notices.contained(reason, lambda: note(carried))

    return receiver


def _of(data: Any) -> tuple[Any, Any]:
    return data.user.id, data.course.course_key


def _completion(instance: Any, raw: bool = False, **_: Any) -> tuple[Any, Any]:
    """Ignore fixtures, and learning contexts that are not courses."""
    is_course = not raw and getattr(instance.context_key, "is_course", False)
    return (instance.user_id, instance.context_key) if is_course else (None, None)


# Enrolled, or enrolled again.
enrollment_created = notice(Reason.ENROLLMENT, lambda enrollment, **_: _of(enrollment))
# The mode of an enrollment changed: it may be one that is reported now, and other units may be locked.
mode_changed = notice(Reason.MODE, lambda user, course_key, **_: (user.pk, course_key))
# A course grade was recomputed, changed or not.
grade_changed = notice(Reason.GRADE, lambda grade, **_: (grade.user_id, grade.course.course_key))
# A regrade ended above or below the pass mark.
passing_status_updated = notice(Reason.PASSING, lambda course_passing_status, **_: _of(course_passing_status))
# Passed for the first time; the timestamp is saved only after this signal.
passed_first_time = notice(Reason.FIRST_PASS, lambda user_id, course_id, **_: (user_id, course_id))
# A certificate was saved in a passing state, for the first or any further time.
certificate_created = notice(Reason.CERTIFICATE, lambda certificate, **_: _of(certificate))
# A certificate was revoked.
certificate_revoked = notice(Reason.REVOCATION, lambda certificate, **_: _of(certificate))
# A block's completion changed.
block_completed = notice(Reason.COMPLETION, _completion)
# A single-sign-on link appeared or changed: a learner who could not be named may be nameable now.
sso_link_saved = notice(
    Reason.SSO_LINK, lambda instance, raw=False, **_: (None if raw else instance.user_id, EVERY_COURSE)
)
# The platform retires an account: erase everything about it.
learner_retired = notice(Reason.RETIREMENT, lambda user, **_: (user.id, EVERY_COURSE))
