"""The receivers: each appends one notice and never raises. Connected by the table in ``apps.py``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from percipio_openedx import config
from percipio_openedx.capture import notices, wake
from percipio_openedx.capture.boundary import contained
from percipio_openedx.models.notice import EVERY_COURSE, Reason

Hint = tuple[int | None, Any, Reason]
Reader = Callable[..., Hint | None]


def notice(read: Reader) -> Callable[..., None]:
    """Make a receiver of a function that reads user id, course key and reason from what the signal carries.

    Whatever is wrong, the learner's request goes on. The receiver returns None, since openedx-events logs what
    receivers return.
    """

    @functools.wraps(read)
    def receiver(sender: Any = None, **kwargs: Any) -> None:
        contained(read.__name__, lambda: _note(read, kwargs))

    return receiver


def _note(read: Reader, carried: dict[str, Any]) -> None:
    if not config.is_on():
        return
    hint = read(**carried)
    if hint is None or not hint[0]:
        return
    notices.append(int(hint[0]), str(hint[1]), hint[2])
    wake.on_commit()


@notice
def enrollment_created(enrollment: Any, **_: Any) -> Hint:
    """Somebody was enrolled, or enrolled again."""
    return enrollment.user.id, enrollment.course.course_key, Reason.ENROLLMENT


@notice
def grade_changed(grade: Any, **_: Any) -> Hint:
    """A course grade was computed again, changed or not."""
    return grade.user_id, grade.course.course_key, Reason.GRADE


@notice
def passing_status_updated(course_passing_status: Any, **_: Any) -> Hint:
    """A regrade ended above or below the pass mark."""
    return course_passing_status.user.id, course_passing_status.course.course_key, Reason.PASSING


@notice
def passed_first_time(user_id: Any, course_id: Any, **_: Any) -> Hint:
    """A learner passed for the first time; the timestamp is saved only after this signal."""
    return int(user_id), course_id, Reason.FIRST_PASS


@notice
def certificate_created(certificate: Any, **_: Any) -> Hint:
    """A certificate was saved in a passing state, for the first or any further time."""
    return certificate.user.id, certificate.course.course_key, Reason.CERTIFICATE


@notice
def certificate_revoked(certificate: Any, **_: Any) -> Hint:
    """A certificate was taken back."""
    return certificate.user.id, certificate.course.course_key, Reason.REVOCATION


@notice
def block_completed(instance: Any, raw: bool = False, **_: Any) -> Hint | None:
    """A block's completion changed. Fixtures and learning contexts that are no course are passed over."""
    if raw or not getattr(instance.context_key, "is_course", False):
        return None
    return instance.user_id, instance.context_key, Reason.COMPLETION


@notice
def sso_link_saved(instance: Any, raw: bool = False, **_: Any) -> Hint | None:
    """A single-sign-on link appeared, or brought new values: who could not be named before may be nameable now."""
    if raw:
        return None
    return instance.user_id, EVERY_COURSE, Reason.SSO_LINK


@notice
def learner_retired(user: Any, **_: Any) -> Hint:
    """The platform retires an account: everything about it is to be erased here."""
    return user.id, EVERY_COURSE, Reason.RETIREMENT
