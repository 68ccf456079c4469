"""What a learner and a course would produce now: looked at as always, but nothing is sent and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import BuiltStatement, Course, Milestone, Observed, Reported
from percipio_openedx.models.learner_course import LearnerCourse, registration_for
from percipio_openedx.reporting.courses import CourseBook
from percipio_openedx.reporting.observe import examine
from percipio_openedx.reporting.unreported import Unreported, unreported


@dataclass(frozen=True, slots=True)
class Preview:
    """What one look finds.

    Arguments:
        site_id: the site that the course belongs to.
        configuration: in force there; None where that site reports nothing.
        course: as the LMS describes it; None where it does not know it.
        hold: why nothing is reported of this learner (one of ``HoldReason``), or ``''``.
        told: what was reported before.
        truth: what the LMS says.
        statements: the milestones that are due, each as it would be sent.
        unreported: the milestones that are not, each with its reason.
        problem: what could not be found out or built, in our own words or as the class of an error; ``''`` if nothing.
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
    """Look at a learner in a course run as a worker would.

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
    with transaction.atomic():
        try:
            return _observed(configuration, user_id, course_key, afresh)
        finally:
            # Whatever the platform wrote on the way (an external id on its first use) is taken back.
            transaction.set_rollback(True)


def _observed(configuration: Configuration, user_id: int, course_key: str, afresh: bool) -> Preview:
    course = CourseBook().get(course_key)
    row = _row(configuration.site_id, user_id, course_key, afresh)
    reported = row.reported
    (finding,) = examine(configuration, course_key, course, {user_id: row}, timezone.now())
    return Preview(
        site_id=configuration.site_id,
        configuration=configuration,
        course=course,
        hold=str(finding.hold),
        reported=reported,
        observed=finding.observed,
        statements=tuple(finding.statements),
        problem=finding.problem.reason if finding.problem else "",
        unreported=()
        if finding.hold
        else tuple(unreported(reported, finding.observed, configuration.policy, finding.milestones)),
    )


def _row(site_id: int, user_id: int, course_key: str, afresh: bool) -> LearnerCourse:
    """The row as it is, or one that is not saved."""
    key = {"user_id": user_id, "course_key": course_key}
    row = None if afresh else LearnerCourse.objects.filter(**key).first()
    registration = registration_for(config.lms_root(), user_id, course_key)
    return row or LearnerCourse(registration=registration, site_id=site_id, **key)
