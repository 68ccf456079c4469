"""Observe without writing or sending anything: which statements a learner would produce, or why none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, BuiltStatement, Course, Enrollment, Milestone, Observed, Reported
from percipio_openedx.enums import Undone
from percipio_openedx.models.learner_course import LearnerCourse, registration_for
from percipio_openedx.reporting import milestones
from percipio_openedx.reporting.observe import examine
from percipio_openedx.reporting.observed_state import CourseBook
from percipio_openedx.reporting.unreported import Unreported, unreported

# The columns of the reported state, in the order of the fields of ``Reported``.
REPORTED_COLUMNS = (
    "reported_started",
    "reported_percent",
    "reported_passed",
    "reported_completed",
    "reported_passed_round",
    "reported_completed_round",
    "reported_turned_at",
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What one observation finds.

    Arguments:
        configuration: in force at the course's site; None if that reports nothing.
        course: as the LMS describes it; None if it does not know it.
        hold: why nothing is reported of this learner (one of ``HoldReason``), or ``''``.
        statements: the milestones that are due, each as it would be sent.
        unreported: the milestones that are not due, each with its reason.
        problem: what could not be observed or built: our own message or the class of an error; ``''`` if nothing.
    """

    site_id: int
    configuration: Configuration | None = None
    course: Course | None = None
    hold: str = ""
    reported: Reported = field(default_factory=Reported)
    observed: Observed = field(default_factory=Observed)
    statements: tuple[tuple[Milestone, BuiltStatement], ...] = ()
    unreported: tuple[Unreported, ...] = ()
    problem: str = ""


def preview(user_id: int, course_key: str, *, afresh: bool = False) -> Preview:
    """Observe a learner in a course run as a worker would, or ``afresh`` as if nothing had been reported yet.

    Raises:
        PlatformUnavailable: the platform could not be read, or the text is no course key.
        PercipioConfigurationError: the site's configuration is wrong.
    """
    site_id = config.site_id_for(edx_platform.org_of(course_key))
    configuration = config.for_site(site_id)
    if configuration is None:
        return Preview(site_id)
    key = {"user_id": user_id, "course_key": course_key}
    with transaction.atomic():
        try:
            course = CourseBook().get(course_key)
            row = None if afresh else LearnerCourse.objects.filter(**key).first()
            if row is None:
                registration = registration_for(config.lms_root(), user_id, course_key)
                row = LearnerCourse(registration=registration, site_id=site_id, **key)
            reported = row.reported
            (finding,) = examine(configuration, course_key, course, {user_id: row}, timezone.now())
        finally:
            # Undo what the platform wrote on the way (an external id on its first use).
            transaction.set_rollback(True)
    due = finding.milestones
    missing = [] if finding.hold else unreported(reported, finding.observed, configuration.policy, due)
    return Preview(
        site_id=site_id,
        configuration=configuration,
        course=course,
        hold=str(finding.hold),
        reported=reported,
        observed=finding.observed,
        statements=tuple(finding.statements),
        unreported=tuple(missing),
        problem=finding.problem.reason if finding.problem else "",
    )


def nothing_new(configuration: Configuration, course: Course | None, enrolled: Mapping[int, datetime]) -> set[int]:
    """Return the learners of whom everything is reported already, so that a back-fill can pass over them.

    ``enrolled`` holds the time of the first enrollment by learner. Compares what an observation compares, except the
    account: a learner with nothing to report needs no name. Never includes learners who were held back, never observed,
    or whose progress matters: that depends on more than is compared here (cohorts, gating), so the platform is asked
    again. Raises ``PlatformUnavailable``.
    """
    if course is None or course.hold(configuration.catalog):
        return set()
    policy = configuration.policy
    rows = LearnerCourse.objects.filter(user_id__in=enrolled, course_key=course.key, hold_reason="")
    reported = {user_id: Reported(*values) for user_id, *values in rows.values_list("user_id", *REPORTED_COLUMNS)}
    # After a completion only its retraction is reported.
    found = {user_id for user_id, one in reported.items() if one.completed and policy.undone is Undone.KEEP}
    user_ids = [user_id for user_id in reported if user_id not in found]
    if not user_ids:
        return found
    activities = edx_platform.activities(course.key, user_ids)
    grades = edx_platform.grades(course.key, user_ids)
    certificates = edx_platform.certificates(course.key, user_ids)
    for user_id in user_ids:
        observed = Observed(
            enrollment=Enrollment(enrolled[user_id]),
            activity=activities.get(user_id, Activity()),
            grade=grades.get(user_id),
            certificate=certificates.get(user_id),
            is_graded=course.is_graded,
        )
        waits = milestones.needs_percent(reported[user_id], observed, policy)
        waits = waits or milestones.awaits_certificate(reported[user_id], observed, policy)
        if not waits and not milestones.due(reported[user_id], observed, policy)[1]:
            found.add(user_id)
    return found
