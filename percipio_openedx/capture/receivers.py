"""The receivers: each appends one notice and never raises. Connected by the table in ``apps.py``.

A signal that a release of the LMS lacks is harmless (``edx_platform.signal``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.db.models.signals import post_save

from percipio_openedx import config
from percipio_openedx.capture import notices, wake
from percipio_openedx.edx_platform import signal
from percipio_openedx.models.notice import EVERY_COURSE, Reason

LEARNING = "openedx_events.learning.signals"

COURSE_ENROLLMENT_CREATED = signal(LEARNING, "COURSE_ENROLLMENT_CREATED")
PERSISTENT_GRADE_SUMMARY_CHANGED = signal(LEARNING, "PERSISTENT_GRADE_SUMMARY_CHANGED")
COURSE_PASSING_STATUS_UPDATED = signal(LEARNING, "COURSE_PASSING_STATUS_UPDATED")
CERTIFICATE_CREATED = signal(LEARNING, "CERTIFICATE_CREATED")
CERTIFICATE_REVOKED = signal(LEARNING, "CERTIFICATE_REVOKED")
COURSE_GRADE_PASSED_FIRST_TIME = signal("lms.djangoapps.grades.signals.signals", "COURSE_GRADE_PASSED_FIRST_TIME")
USER_RETIRE_LMS_MISC = signal("openedx.core.djangoapps.user_api.accounts.signals", "USER_RETIRE_LMS_MISC")
USER_RETIRE_LMS_CRITICAL = signal("openedx.core.djangoapps.user_api.accounts.signals", "USER_RETIRE_LMS_CRITICAL")
ROW_SAVED = post_save

Hint = tuple[int | None, Any, Reason]


def notice(read: Callable[..., Hint | None]) -> Callable[..., None]:
    """Make a receiver of a function that reads user id, course key and reason from what the signal carries.

    Whatever is wrong, the learner's request goes on. The receiver returns None, since openedx-events logs what
    receivers return.
    """

    def note(carried: dict[str, Any]) -> None:
        hint = read(**carried) if config.is_on() else None
        if hint is not None and hint[0]:
            notices.append(int(hint[0]), str(hint[1]), hint[2])
            wake.on_commit()

    @functools.wraps(read)
    def receiver(sender: Any = None, **kwargs: Any) -> None:
        notices.contained(read.__name__, lambda: note(kwargs))

    return receiver


@notice
def enrollment_created(enrollment: Any, **_: Any) -> Hint:
    """Note that somebody was enrolled, or enrolled again."""
    return enrollment.user.id, enrollment.course.course_key, Reason.ENROLLMENT


@notice
def grade_changed(grade: Any, **_: Any) -> Hint:
    """Note that a course grade was computed again, changed or not."""
    return grade.user_id, grade.course.course_key, Reason.GRADE


@notice
def passing_status_updated(course_passing_status: Any, **_: Any) -> Hint:
    """Note that a regrade ended above or below the pass mark."""
    return course_passing_status.user.id, course_passing_status.course.course_key, Reason.PASSING


@notice
def passed_first_time(user_id: Any, course_id: Any, **_: Any) -> Hint:
    """Note that a learner passed for the first time; the timestamp is saved only after this signal."""
    return int(user_id), course_id, Reason.FIRST_PASS


@notice
def certificate_created(certificate: Any, **_: Any) -> Hint:
    """Note that a certificate was saved in a passing state, for the first or any further time."""
    return certificate.user.id, certificate.course.course_key, Reason.CERTIFICATE


@notice
def certificate_revoked(certificate: Any, **_: Any) -> Hint:
    """Note that a certificate was taken back."""
    return certificate.user.id, certificate.course.course_key, Reason.REVOCATION


@notice
def block_completed(instance: Any, raw: bool = False, **_: Any) -> Hint | None:
    """Note that a block's completion changed, but for fixtures and learning contexts that are no course."""
    if raw or not getattr(instance.context_key, "is_course", False):
        return None
    return instance.user_id, instance.context_key, Reason.COMPLETION


@notice
def sso_link_saved(instance: Any, raw: bool = False, **_: Any) -> Hint | None:
    """Note that a single-sign-on link was saved: who could not be named before may be nameable now."""
    if raw:
        return None
    return instance.user_id, EVERY_COURSE, Reason.SSO_LINK


@notice
def learner_retired(user: Any, **_: Any) -> Hint:
    """Note that the platform retires an account: everything about it is to be erased here."""
    return user.id, EVERY_COURSE, Reason.RETIREMENT
