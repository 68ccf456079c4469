"""Enrolments: the rows, and what the platform announces when they change."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import models
from edx_django_utils.cache import RequestCache
from eventtracking import tracker
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx_events.learning.data import CourseData, CourseEnrollmentData, UserData, UserPersonalData
from openedx_events.learning.signals import (
    COURSE_ENROLLMENT_CHANGED,
    COURSE_ENROLLMENT_CREATED,
    COURSE_UNENROLLMENT_COMPLETED,
)

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.signals import (
    ENROLL_STATUS_CHANGE,
    ENROLLMENT_TRACK_UPDATED,
    UNENROLL_DONE,
)
from common.djangoapps.track import contexts

EVENT_ACTIVATED = "edx.course.enrollment.activated"
EVENT_DEACTIVATED = "edx.course.enrollment.deactivated"
EVENT_MODE_CHANGED = "edx.course.enrollment.mode_changed"
# Seconds that the platform waits with the regrading after a change of mode.
MODE_CHANGE_COUNTDOWN = 30


class CourseEnrollmentException(Exception):
    """Something forbids the enrolment."""


class NonExistentCourseError(CourseEnrollmentException):
    """There is no such course run."""


class EnrollmentClosedError(CourseEnrollmentException):
    """The platform's rules do not let this learner in, now."""


class CourseFullError(CourseEnrollmentException):
    """As many learners as the course takes are in it."""


class AlreadyEnrolledError(CourseEnrollmentException):
    """The learner is enrolled already, and the caller asked for a check."""


class EnrollStatusChange:
    """Values of `event` in ENROLL_STATUS_CHANGE."""

    enroll = "enroll"
    unenroll = "unenroll"


class CourseEnrollmentManager(models.Manager["CourseEnrollment"]):
    """Queries by course run."""

    def users_enrolled_in(
        self, course_id: CourseKey, include_inactive: bool = False, verified_only: bool = False
    ) -> models.QuerySet[User]:
        """The learners of a course run; `include_inactive` counts those who left."""
        filters: dict[str, Any] = {"courseenrollment__course_id": course_id}
        if not include_inactive:
            filters["courseenrollment__is_active"] = True
        if verified_only:
            filters["courseenrollment__mode"] = CourseMode.VERIFIED
        return User.objects.filter(**filters)


class CourseEnrollment(models.Model):
    """One learner in one course run; kept, inactive, when the learner leaves."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    course = models.ForeignKey(CourseOverview, db_constraint=False, on_delete=models.DO_NOTHING)
    created = models.DateTimeField(auto_now_add=True, null=True, db_index=True)
    is_active = models.BooleanField(default=True)
    mode = models.CharField(default=CourseMode.DEFAULT_MODE_SLUG, max_length=100)

    objects = CourseEnrollmentManager()

    class Meta:
        app_label = "student"
        unique_together = (("user", "course"),)
        indexes = [models.Index(fields=["user", "-created"], name="user_created_idx")]
        ordering = ("user", "course")

    def __str__(self) -> str:
        return f"[CourseEnrollment] user {self.user_id}: {self.course_id}; active: ({self.is_active})"

    @property
    def course_overview(self) -> CourseOverview | None:
        """The course's overview, or None where there is none."""
        try:
            return CourseOverview.get_from_id(self.course_id)
        except (CourseOverview.DoesNotExist, OSError):
            return None

    @classmethod
    def enrollments_for_user(cls, user: User) -> models.QuerySet[CourseEnrollment]:
        """The learner's active enrolments."""
        return cls.objects.filter(user=user, is_active=True)

    @classmethod
    def get_enrollment(
        cls, user: User, course_key: CourseKey, select_related: list[str] | None = None
    ) -> CourseEnrollment | None:
        """The row, active or not, or None; kept for the rest of the request."""
        if user.is_anonymous:
            return None
        cache = RequestCache("get_enrollment")
        key = (user.id, course_key)
        cached = cache.get_cached_response(key)
        if cached.is_found:
            return cached.value
        query = cls.objects.select_related(*select_related) if select_related else cls.objects
        enrollment = query.filter(user=user, course_id=course_key).first()
        cache.set(key, enrollment)
        return enrollment

    @classmethod
    def is_enrolled(cls, user: User, course_key: CourseKey) -> bool:
        """Whether the learner has an active enrolment."""
        return cls.enrollment_mode_for_user(user, course_key)[1] is True

    @classmethod
    def enrollment_mode_for_user(cls, user: User, course_id: CourseKey) -> tuple[str | None, bool | None]:
        """Mode and activity of the enrolment, or `(None, None)`."""
        if user.is_anonymous:
            return None, None
        row = cls.objects.filter(user=user, course_id=course_id).values_list("mode", "is_active").first()
        return row if row is not None else (None, None)

    @classmethod
    def get_or_create_enrollment(cls, user: User, course_key: CourseKey) -> CourseEnrollment:
        """The row; a new one starts inactive and in the default mode, whatever mode was asked for."""
        enrollment, _created = cls.objects.get_or_create(
            user=user,
            course_id=course_key,
            defaults={"mode": CourseMode.DEFAULT_MODE_SLUG, "is_active": False},
        )
        return enrollment

    @classmethod
    def enroll(
        cls, user: User, course_key: CourseKey, mode: str | None = None, check_access: bool = False
    ) -> CourseEnrollment:
        """Enrol a learner; announced as "created" whether or not anything changed.

        Raises a CourseEnrollmentException (no such course, closed, full, already enrolled), only with `check_access`.
        """
        try:
            course = CourseOverview.get_from_id(course_key)
        except CourseOverview.DoesNotExist:
            course = None
        if check_access:
            cls._check_access(user, course)
        enrollment = cls.get_or_create_enrollment(user, course_key)
        enrollment.update_enrollment(is_active=True, mode=mode or CourseMode.DEFAULT_MODE_SLUG)
        enrollment.send_signal(EnrollStatusChange.enroll)
        COURSE_ENROLLMENT_CREATED.send_event(enrollment=enrollment.as_event_data())
        return enrollment

    @classmethod
    def _check_access(cls, user: User, course: CourseOverview | None) -> None:
        from lms.djangoapps.courseware.access import has_access

        if course is None:
            raise NonExistentCourseError
        if not has_access(user, "enroll", course):
            raise EnrollmentClosedError
        limit = course.max_student_enrollments_allowed
        if limit is not None and cls.objects.filter(course_id=course.id, is_active=True).count() >= limit:
            raise CourseFullError
        if cls.is_enrolled(user, course.id):
            raise AlreadyEnrolledError

    @classmethod
    def unenroll(cls, user: User, course_id: CourseKey, skip_refund: bool = False) -> None:
        """End the learner's enrolment; nothing happens when there is none."""
        enrollment = cls.objects.filter(user=user, course_id=course_id).first()
        if enrollment is not None:
            enrollment.update_enrollment(is_active=False, skip_refund=skip_refund)

    def update_enrollment(
        self, mode: str | None = None, is_active: bool | None = None, skip_refund: bool = False
    ) -> None:
        """Change mode or activity, and announce what changed, in the platform's order."""
        activation_changed = is_active is not None and self.is_active != is_active
        mode_changed = mode is not None and self.mode != mode
        if not (activation_changed or mode_changed):
            return
        if is_active is not None:
            self.is_active = is_active
        if mode is not None:
            self.mode = mode
        self.save()
        RequestCache("get_enrollment").set((self.user_id, self.course_id), self)
        COURSE_ENROLLMENT_CHANGED.send_event(enrollment=self.as_event_data())
        if activation_changed:
            self._announce_activation(skip_refund)
        if mode_changed:
            self.emit_event(EVENT_MODE_CHANGED)
            ENROLLMENT_TRACK_UPDATED.send(
                sender=None,
                user=self.user,
                course_key=self.course_id,
                mode=self.mode,
                countdown=MODE_CHANGE_COUNTDOWN,
            )

    def _announce_activation(self, skip_refund: bool) -> None:
        if self.is_active:
            self.emit_event(EVENT_ACTIVATED)
            return
        UNENROLL_DONE.send(sender=None, course_enrollment=self, skip_refund=skip_refund)
        self.emit_event(EVENT_DEACTIVATED)
        self.send_signal(EnrollStatusChange.unenroll)
        COURSE_UNENROLLMENT_COMPLETED.send_event(enrollment=self.as_event_data())

    def send_signal(self, event: str) -> None:
        """ENROLL_STATUS_CHANGE, which is not robust: a receiver that raises breaks the enrolment."""
        ENROLL_STATUS_CHANGE.send(
            sender=None,
            event=event,
            user=self.user,
            mode=self.mode,
            course_id=self.course_id,
            cost=None,
            currency=None,
        )

    def emit_event(self, name: str) -> None:
        """The tracking event, in the context of the course."""
        data = {"user_id": self.user_id, "course_id": str(self.course_id), "mode": self.mode}
        with tracker.get_tracker().context(name, contexts.course_context_from_course_id(self.course_id)):
            tracker.emit(name, data)

    def as_event_data(self) -> CourseEnrollmentData:
        """The openedx-events form; the course's dates are never filled."""
        overview = self.course_overview
        course = (
            CourseData(course_key=self.course_id, display_name=overview.display_name or "")
            if overview
            else CourseData(course_key=self.course_id)
        )
        return CourseEnrollmentData(
            user=UserData(
                id=self.user.id,
                is_active=self.user.is_active,
                pii=UserPersonalData(username=self.user.username, email=self.user.email, name=self.user.profile.name),
            ),
            course=course,
            mode=self.mode,
            is_active=self.is_active,
            creation_date=self.created,
        )


class FBEEnrollmentExclusion(models.Model):
    """An enrollment that gating leaves alone."""

    enrollment = models.OneToOneField(CourseEnrollment, on_delete=models.DO_NOTHING)

    class Meta:
        app_label = "student"

    def __str__(self) -> str:
        return f"[FBEEnrollmentExclusion] {self.enrollment}"
