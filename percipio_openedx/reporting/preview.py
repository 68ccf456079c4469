"""Observe without writing or sending anything: which statements a learner would produce, or why none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, BuiltStatement, Course, Enrollment, Milestone, Observed, Policy, Reported
from percipio_openedx.enums import Undone
from percipio_openedx.exceptions import LearnerNotNamed, PercipioConfigurationError
from percipio_openedx.models.learner_course import REPORTED, LearnerCourse, registration_for
from percipio_openedx.reporting import identity, milestones, observed_state, retakes
from percipio_openedx.reporting.observe import context_of, examine
from percipio_openedx.reporting.observed_state import CourseBook
from percipio_openedx.reporting.unreported import Unreported, unreported

REPORTED_COLUMNS = tuple(f"reported_{name}" for name in REPORTED)


@dataclass(frozen=True, slots=True)
class Preview:
    """What one observation finds.

    Arguments:
        configuration: of the learner's account, or else of the course's site; None if that reports nothing.
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
    reported = replace(reported, elsewhere=finding.reported.elsewhere)
    missing = [] if finding.hold else unreported(reported, finding.observed, finding.policy, due)
    return Preview(
        site_id=site_id,
        configuration=finding.configuration or configuration,
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
    name: a learner with nothing to report needs none, but has to be of the same account still. Never includes learners
    who were held back, never observed, or whose progress matters: that depends on more than is compared here (cohorts,
    gating), so the platform is asked again. Raises ``PlatformUnavailable``.
    """
    if course is None or not course.is_reported:
        return set()
    rows = LearnerCourse.objects.filter(user_id__in=enrolled, course_key=course.key, hold_reason="")
    known = {
        user_id: (account, Reported(**dict(zip(REPORTED, values, strict=True))))
        for user_id, account, *values in rows.values_list("user_id", "account", *REPORTED_COLUMNS)
    }
    policies = _policies(configuration, {user_id: account for user_id, (account, _) in known.items()})
    reported = {user_id: one for user_id, (_, one) in known.items() if user_id in policies}
    accounts = {user_id: account for user_id, (account, _) in known.items() if user_id in reported}
    content_id = context_of(configuration, course).keywords["content_id"]
    elsewhere = retakes.completed_elsewhere(configuration, course.key, content_id, accounts)
    reported = {user_id: replace(one, elsewhere=elsewhere.get(user_id)) for user_id, one in reported.items()}
    # After a completion only its retraction is reported.
    kept = {user_id for user_id, one in reported.items() if one.completed and policies[user_id].undone is Undone.KEEP}
    user_ids = [user_id for user_id in reported if user_id not in kept]
    return kept | _unchanged(
        course, {user_id: (reported[user_id], policies[user_id]) for user_id in user_ids}, enrolled
    )


def _policies(configuration: Configuration, accounts: Mapping[int, str]) -> dict[int, Policy]:
    """Return the policy for each learner whose account is the same as at the last observation (``accounts``)."""
    if not configuration.accounts:
        return {user_id: configuration.policy for user_id, account in accounts.items() if not account}
    found = {}
    for user_id, learner in observed_state.read_learners(list(accounts), configuration, makes_ids=False).items():
        with suppress(LearnerNotNamed, PercipioConfigurationError):
            chosen = identity.account_of(learner, configuration)
            if chosen.account == accounts[user_id]:
                found[user_id] = chosen.policy
    return found


def _unchanged(
    course: Course, reported: Mapping[int, tuple[Reported, Policy]], enrolled: Mapping[int, datetime]
) -> set[int]:
    """Return those for whom no milestone is due, or awaited, by what was reported and their policy."""
    if not reported:
        return set()
    found, now = set(), timezone.now()
    activities = edx_platform.activities(course.key, reported)
    grades = edx_platform.grades(course.key, reported)
    certificates = edx_platform.certificates(course.key, reported)
    for user_id, (before, policy) in reported.items():
        observed = Observed(
            enrollment=Enrollment(enrolled[user_id]),
            activity=activities.get(user_id, Activity()),
            grade=grades.get(user_id),
            certificate=certificates.get(user_id),
            is_graded=course.is_graded,
            ends_at=course.ends_at,
            has_ended=course.ends_at is not None and course.ends_at <= now,
        )
        waits = milestones.needs_percent(before, observed, policy)
        waits = waits or milestones.observe_again_at(before, observed, policy, now, None) is not None
        if not waits and not milestones.due(before, observed, policy)[1]:
            found.add(user_id)
    return found
