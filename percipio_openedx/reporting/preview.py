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
from percipio_openedx.data import Activity, BuiltStatement, Course, Enrollment, Milestone, Policy, Told, Truth
from percipio_openedx.models.learner_course import LearnerCourse, registration_for
from percipio_openedx.observation.courses import CourseBook
from percipio_openedx.reporting.look import examine
from percipio_openedx.unsaid import Unsaid, unsaid

TOLD_COLUMNS = ("started", "percent", "passed", "completed", "passed_round", "completed_round", "turned_at")


@dataclass(frozen=True, slots=True)
class Preview:
    """What one observation finds.

    Arguments:
        site_id: the site that the course belongs to.
        configuration: in force there; None where that site reports nothing.
        course: as the LMS describes it; None where it does not know it.
        hold: why nothing is reported of this learner (one of ``HoldReason``), or ``''``.
        told: what was reported before.
        truth: what the LMS says.
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
        user_id: the LMS's own id of the learner.
        course_key: of the course run.
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
    return Preview(
        site_id=site_id,
        configuration=configuration,
        course=course,
        hold=str(finding.hold),
        told=told,
        truth=finding.truth,
        statements=tuple(finding.statements),
        unsaid=() if finding.hold else tuple(unsaid(told, finding.truth, configuration.policy, finding.milestones)),
        problem=finding.problem.reason if finding.problem else "",
    )


def nothing_new(configuration: Configuration, course: Course | None, enrolled: Mapping[int, datetime]) -> set[int]:
    """Return the learners of whom everything is reported that is true now.

    For whoever goes through everybody, most of whom were reported long ago. What is compared is what an observation
    compares; only the account is left out, since who has nothing to report needs no name.

    Who was held back, or never observed, is none of them; nor is anybody whose progress matters. What is remembered of
    it depends on more than can be compared here (cohorts, the rules of gating): whoever goes through everybody asks
    the platform for the expensive progress once more.

    Arguments:
        configuration: of the course's site.
        course: the course run, None where the LMS does not know it.
        enrolled: learners, and when they were first enrolled in it.

    Raises:
        PlatformUnavailable: the platform could not be asked.
    """
    if course is None or not course.is_reported:
        return set()
    policy = configuration.policy
    rows = LearnerCourse.objects.filter(user_id__in=enrolled, course_key=course.key, hold_reason="")
    columns = ("user_id", *(f"told_{name}" for name in TOLD_COLUMNS))
    told = {user_id: Told(*values) for user_id, *values in rows.values_list(*columns)}
    # Nothing is reported after a completion, but that it was taken back.
    keeps = policy.undone is Undone.KEEP
    found = {user_id for user_id, one in told.items() if keeps and one.completed}
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
        if _is_reported(told[user_id], truth, policy):
            found.add(user_id)
    return found


def _is_reported(told: Told, truth: Truth, policy: Policy) -> bool:
    waits = milestones.needs_percent(told, truth, policy) or milestones.awaits_certificate(told, truth, policy)
    return not waits and not milestones.due(told, truth, policy)[1]
