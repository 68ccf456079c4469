"""Observing without sending or writing anything: what a learner would produce, and who would produce nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from percipio_openedx import config, edx_platform, milestones
from percipio_openedx.codes import Undone
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, BuiltStatement, Course, Enrollment, Milestone, Told, Truth
from percipio_openedx.models.learner_course import LearnerCourse, registration_for
from percipio_openedx.observation.truths import CourseBook
from percipio_openedx.reporting.look import examine
from percipio_openedx.unsaid import Unsaid, unsaid

# What has been reported, in the order of the fields of ``Told``.
REPORTED_COLUMNS = (
    "told_started",
    "told_percent",
    "told_passed",
    "told_completed",
    "told_passed_round",
    "told_completed_round",
    "told_turned_at",
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What one observation finds.

    Arguments:
        configuration: in force at the course's site; None where that reports nothing.
        course: as the LMS describes it; None where it does not know it.
        hold: why nothing is reported of this learner (one of ``HoldReason``), or ``''``.
        told: what was reported before.
        statements: the milestones that are due, each as it would be sent.
        unsaid: the milestones that are not, each with its reason.
        problem: what could not be found out or built, in our own words or as the class of an error; ``''`` if nothing.
    """

    site_id: int
    configuration: Configuration | None = None
    course: Course | None = None
    hold: str = ""
    told: Told = field(default_factory=Told)
    truth: Truth = field(default_factory=Truth)
    statements: tuple[tuple[Milestone, BuiltStatement], ...] = ()
    unsaid: tuple[Unsaid, ...] = ()
    problem: str = ""


def preview(user_id: int, course_key: str, *, afresh: bool = False) -> Preview:
    """Observe a learner in a course run as a worker would.

    Arguments:
        afresh: as if nothing had been reported yet, instead of what is new since the last report.

    Raises:
        PlatformUnavailable: the platform could not be asked, or the key is none.
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
            told = row.told
            (finding,) = examine(configuration, course_key, course, {user_id: row}, timezone.now())
        finally:
            # Whatever the platform wrote on the way (an external id on its first use) is taken back.
            transaction.set_rollback(True)
    due = finding.milestones
    missing = [] if finding.hold else unsaid(told, finding.truth, configuration.policy, due)
    return Preview(
        site_id=site_id,
        configuration=configuration,
        course=course,
        hold=str(finding.hold),
        told=told,
        truth=finding.truth,
        statements=tuple(finding.statements),
        unsaid=tuple(missing),
        problem=finding.problem.reason if finding.problem else "",
    )


def nothing_new(configuration: Configuration, course: Course | None, enrolled: Mapping[int, datetime]) -> set[int]:
    """Return the learners of whom everything is reported that is true now, for whoever goes through everybody.

    Compared is what an observation compares, but for the account: who has nothing to report needs no name. Who was held
    back, or never observed, is none of them; nor is anybody whose progress matters. What is remembered of it depends on
    more than can be compared here (cohorts, the rules of gating), so that the platform is asked once more.

    Arguments:
        enrolled: learners, and when they were first enrolled in the course run.

    Raises:
        PlatformUnavailable: the platform could not be asked.
    """
    if course is None or not course.is_reported:
        return set()
    policy = configuration.policy
    rows = LearnerCourse.objects.filter(user_id__in=enrolled, course_key=course.key, hold_reason="")
    told = {user_id: Told(*values) for user_id, *values in rows.values_list("user_id", *REPORTED_COLUMNS)}
    # Nothing is reported after a completion, but that it was taken back.
    found = {user_id for user_id, one in told.items() if one.completed and policy.undone is Undone.KEEP}
    user_ids = [user_id for user_id in told if user_id not in found]
    if not user_ids:
        return found
    activities = edx_platform.activities(course.key, user_ids)
    grades = edx_platform.grades(course.key, user_ids)
    certificates = edx_platform.certificates(course.key, user_ids)
    for user_id in user_ids:
        truth = Truth(
            enrollment=Enrollment(enrolled[user_id]),
            activity=activities.get(user_id, Activity()),
            grade=grades.get(user_id),
            certificate=certificates.get(user_id),
            is_graded=course.is_graded,
        )
        waits = milestones.needs_percent(told[user_id], truth, policy)
        waits = waits or milestones.awaits_certificate(told[user_id], truth, policy)
        if not waits and not milestones.due(told[user_id], truth, policy)[1]:
            found.add(user_id)
    return found
