"""The public interface for other plugins of the LMS (OEP-49): the only module that they import.

Stable from 1.0 (``docs/api.md``): nothing here is removed or changes its meaning within a major version. The calls take
a user of the LMS and a course key, or its text, and return values, never rows. They check no permission: that is their
caller's. A wrong key raises ``opaque_keys.InvalidKeyError``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from percipio_openedx import config, edx_platform
from percipio_openedx.capture import notices, wake
from percipio_openedx.enums import HoldReason, Kind, Pause
from percipio_openedx.exceptions import PercipioConfigurationError, PercipioError
from percipio_openedx.models.learner_course import WHOLE_COURSE, LearnerCourse, ObservationFailure, Reason
from percipio_openedx.models.statement import OPEN_STATES, State, Statement
from percipio_openedx.signals import destination_paused, destination_recovered
from percipio_openedx.statements.filters import StatementFreezeRequested

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

    User = AbstractBaseUser | AnonymousUser

__all__ = [
    "HoldReason",
    "Kind",
    "LearnerCourseState",
    "Pause",
    "PercipioConfigurationError",
    "PercipioError",
    "ReportedMilestone",
    "Reporting",
    "StatementFreezeRequested",
    "destination_paused",
    "destination_recovered",
    "is_reported",
    "learner_course_state",
    "observe_soon",
]


# --- what the calls return: a field is only ever added, with a default ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reporting:
    """Whether a learner is reported in a course run, as its truth value; ``reason`` says why not.

    ``Pause.NOT_CONFIGURED``: the course's site reports nothing.
    """

    reason: HoldReason | Pause | None = None

    def __bool__(self) -> bool:
        return self.reason is None


@dataclass(frozen=True, slots=True)
class ReportedMilestone:
    """One statement, without what it says of the learner; ``percent`` is the progress, for progressed only.

    ``state``: outdated (to be rebuilt), waiting, sending, delivered, parked, discarded or skipped.
    """

    id: UUID
    kind: Kind
    percent: int | None
    happened_at: datetime
    state: str
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LearnerCourseState:
    """What is known of a learner in a course run, as of the last observation (``observed_at``, None without one).

    Arguments:
        reason: why nothing was reported then; None if something was, or nothing was due.
        problem: what could not be observed or built, and is retried: our own message or the class of an error.
        delivered: what Percipio has, in reporting order.
        waiting: what is to be sent, in this order.
        set_aside: what is not sent unless a person decides otherwise: parked, discarded, or skipped.
    """

    user_id: int
    course_key: str
    observed_at: datetime | None = None
    reason: HoldReason | None = None
    problem: str = ""
    delivered: tuple[ReportedMilestone, ...] = ()
    waiting: tuple[ReportedMilestone, ...] = ()
    set_aside: tuple[ReportedMilestone, ...] = ()


# --- the calls --------------------------------------------------------------------------------------------------------


def is_reported(user: User, course_key: CourseKey | str) -> Reporting:
    """Return whether the site reports this learner in this course run, by what the LMS says now; if not, why.

    Reads the platform in about fifteen queries, and sends and writes nothing. Whether anything is due is another
    question (``learner_course_state``).

    Raises:
        PercipioConfigurationError: the site's configuration is wrong, or does not say yet whose learners are reported.
        PercipioError: the platform could not be read.
    """
    # Imported here so that a plugin that imports this module at start does not load observation.
    from percipio_openedx.reporting.preview import hold_of

    text = _text(course_key)
    return Reporting(HoldReason.UNKNOWN_LEARNER if user.pk is None else hold_of(user.pk, text))


def observe_soon(user: User, course_key: CourseKey | str) -> bool:
    """Have a worker observe this learner in this course run after the commit, as any signal of the LMS does.

    For what the plugin hears of by no signal. Costs one INSERT in the caller's transaction, and never raises for a
    failure of the database. Observing is idempotent: it reports what is new, or nothing.

    Returns:
        Whether it was noted; False if the plugin is switched off, too.
    """
    user_id, text = user.pk, _text(course_key)
    if user_id is None or not config.is_on():
        return False

    def note() -> None:
        notices.append(user_id, text, Reason.ASKED)
        wake.on_commit()

    return wake.contained(Reason.ASKED, note)


def learner_course_state(user: User, course_key: CourseKey | str) -> LearnerCourseState:
    """Return what was reported of this learner in this course run, what waits, and what is set aside; three queries."""
    user_id, text = user.pk or WHOLE_COURSE, _text(course_key)
    row = LearnerCourse.objects.filter(user_id=user_id, course_key=text).first()
    failures = ObservationFailure.objects.filter(course_key=text, user_id__in=(WHOLE_COURSE, user_id))
    # The learner's own comes first.
    problem = failures.order_by("-user_id").values_list("reason", flat=True).first() or ""
    if row is None:
        return LearnerCourseState(user_id, text, problem=problem)
    statements = [_milestone(one) for one in row.statements.defer("body", "track").order_by("sequence")]
    return LearnerCourseState(
        user_id=user_id,
        course_key=text,
        observed_at=row.observed_at,
        reason=HoldReason(row.hold_reason) if row.hold_reason else None,
        problem=problem,
        delivered=tuple(one for one in statements if one.state == State.DELIVERED),
        waiting=tuple(one for one in statements if one.state in OPEN_STATES),
        set_aside=tuple(one for one in statements if one.state not in (State.DELIVERED, *OPEN_STATES)),
    )


def _milestone(row: Statement) -> ReportedMilestone:
    kind = Kind(row.kind)
    percent = int(row.value.partition(":")[0]) if kind is Kind.PROGRESSED else None
    return ReportedMilestone(row.uuid, kind, percent, row.happened_at, str(row.state), row.settled_at)


def _text(course_key: CourseKey | str) -> str:
    """Return a course run's key as the LMS stores it; ``InvalidKeyError`` if it is none, or a library's."""
    key = CourseKey.from_string(str(course_key))
    if not key.is_course:
        raise InvalidKeyError(CourseKey, str(key))  # type: ignore[no-untyped-call]
    return edx_platform.stored_key(key)
