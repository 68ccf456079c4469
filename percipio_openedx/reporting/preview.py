"""Observe without writing or sending anything: which statements a learner would produce, or why none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course, Enrollment, Milestone, Observed, Policy, Reported
from percipio_openedx.db import rolled_back
from percipio_openedx.enums import HoldReason, Pause, ProgressSource, Undone
from percipio_openedx.exceptions import LearnerNotNamed, PercipioConfigurationError
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.reporting import facts, identity, milestones, progress
from percipio_openedx.reporting.facts import CourseBook, completed_elsewhere, refused_names
from percipio_openedx.reporting.findings import finding_of
from percipio_openedx.reporting.observe import examine
from percipio_openedx.reporting.unreported import Unreported, unreported
from percipio_openedx.statements.content import BuiltStatement

# What was completed this long before an observation was committed by then.
OVERLAP = timedelta(hours=1)


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


def preview(
    user_id: int, course_key: str, *, afresh: bool = False, configuration: Configuration | None = None
) -> Preview:
    """Observe a learner in a course run as a worker would, or ``afresh`` as if nothing had been reported yet.

    ``configuration`` is of the course's site, in place of the one in force: of a site that is not switched on yet.

    Raises:
        PlatformUnavailable: the platform could not be read, or the text is no course key.
        PercipioConfigurationError: the site's configuration is wrong.
    """
    site_id = config.site_id_for(edx_platform.org_of(course_key))
    configuration = configuration or config.for_site(site_id)
    if configuration is None:
        return Preview(site_id)
    with rolled_back():
        course = CourseBook().get(course_key)
        row = None if afresh else LearnerCourse.objects.filter(user_id=user_id, course_key=course_key).first()
        row = row or LearnerCourse.begun(config.lms_root(), user_id, course_key, site_id)
        reported = row.reported
        (finding,) = examine(configuration, course_key, course, {user_id: row}, timezone.now())
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


def hold_of(user_id: int, course_key: str) -> HoldReason | Pause | None:
    """Return why nothing is reported of a learner in a course run, None if something would be; builds no statement.

    ``Pause.NOT_CONFIGURED``: the site reports nothing. Raises as ``preview``.
    """
    configuration = config.for_site(config.site_id_for(edx_platform.org_of(course_key)))
    if configuration is None:
        return Pause.NOT_CONFIGURED
    with rolled_back():
        course = CourseBook().get(course_key)
    if course is None or course.hold(configuration.catalog):
        return HoldReason.UNKNOWN_COURSE if course is None else course.hold(configuration.catalog)
    learner = facts.read_learners([user_id], configuration, makes_ids=False).get(user_id)
    observed = Observed(enrollment=edx_platform.enrollments(course_key, [user_id]).get(user_id))
    row = LearnerCourse(user_id=user_id, course_key=course_key, site_id=configuration.site_id)
    finding = finding_of(row, learner, observed, configuration, refused_names(configuration, [user_id]))
    return HoldReason(finding.hold) if finding.hold else None


def nothing_new(
    configuration: Configuration,
    course: Course | None,
    enrolled: Mapping[int, datetime],
    *,
    trusts_progress: bool = False,
) -> set[int]:
    """Return the learners of whom everything is reported already, so that a walk can pass over them.

    ``enrolled`` holds the time of the first enrollment by learner. Compares what an observation compares, except the
    name: a learner with nothing to report needs none, but has to be of the same account still. Never includes learners
    who were held back or never observed. Whose progress matters is included only with ``trusts_progress``, and if
    nothing changed that it is known to depend on. Raises ``PlatformUnavailable``.
    """
    if course is None or course.hold(configuration.catalog):
        return set()
    rows = {
        row.user_id: row
        for row in LearnerCourse.objects.filter(user_id__in=enrolled, course_key=course.key, hold_reason="")
    }
    policies = _policies(configuration, {user_id: row.account for user_id, row in rows.items()})
    # After a completion only its retraction is reported.
    done = {
        user_id for user_id, one in policies.items() if rows[user_id].reported_completed and one.undone is Undone.KEEP
    }
    open_rows = {user_id: rows[user_id] for user_id in policies.keys() - done}
    return done | _unchanged(configuration, course, open_rows, policies, enrolled, trusts_progress)


def _policies(configuration: Configuration, accounts: Mapping[int, str]) -> dict[int, Policy]:
    """Return the policy for each learner whose account is the same as at the last observation (``accounts``)."""
    if not configuration.accounts:
        return {user_id: configuration.policy for user_id, account in accounts.items() if not account}
    found = {}
    for user_id, learner in facts.read_learners(list(accounts), configuration, makes_ids=False).items():
        with suppress(LearnerNotNamed, PercipioConfigurationError):
            chosen = identity.account_of(learner, configuration)
            if chosen.account == accounts[user_id]:
                found[user_id] = chosen.policy
    return found


def _unchanged(
    configuration: Configuration,
    course: Course,
    rows: Mapping[int, LearnerCourse],
    policies: Mapping[int, Policy],
    enrolled: Mapping[int, datetime],
    trusts_progress: bool,
) -> set[int]:
    """Return those for whom no milestone is due, or awaited, by what was reported and their policy."""
    if not rows:
        return set()
    now, accounts = timezone.now(), {user_id: row.account for user_id, row in rows.items()}
    elsewhere = completed_elsewhere(configuration, course, accounts)
    reported = {user_id: replace(row.reported, elsewhere=elsewhere.get(user_id)) for user_id, row in rows.items()}
    enrollments = {user_id: Enrollment(enrolled[user_id]) for user_id in rows}
    seen = facts.read_observed(course, rows.keys(), enrollments, now)
    asking = {pk for pk, one in seen.items() if milestones.needs_percent(reported[pk], one, policies[pk])}
    if asking and configuration.policy.progress_from is ProgressSource.AGGREGATOR:
        counted = edx_platform.aggregated(course.key, asking)
        seen |= {user_id: progress.with_progress(seen[user_id], one.progress) for user_id, one in counted.items()}
        asking -= counted.keys()
    elif asking and trusts_progress:
        remembered = _remembered(course.key, {user_id: (rows[user_id], seen[user_id]) for user_id in asking})
        seen |= remembered
        asking -= remembered.keys()
    found = set()
    for user_id, observed in seen.items():
        before, policy = reported[user_id], policies[user_id]
        waits = user_id in asking or milestones.observe_again_at(before, observed, policy, now, None) is not None
        if not waits and not milestones.due(before, observed, policy)[1]:
            found.add(user_id)
    return found


def _remembered(course_key: str, asking: Mapping[int, tuple[LearnerCourse, Observed]]) -> dict[int, Observed]:
    """Return what is observed with the progress that was computed last, where nothing changed that it depends on."""
    texts = progress.course_state(course_key, list(asking)).texts
    enrollments = edx_platform.enrollments(course_key, asking)
    collected_at = edx_platform.outline_collected_at(course_key)
    found = {}
    for user_id, (row, observed) in asking.items():
        with_mode = replace(observed, enrollment=enrollments.get(user_id))
        version = progress.progress_version(with_mode, texts.get(user_id, ""))
        if version and row.activity_version:
            is_same = version == row.activity_version
        else:
            # Not all is known that it depends on; then only the times of the last completion and publication tell.
            last, looked_at = observed.activity.last, row.observed_at
            is_same = (
                row.percent_seen is not None
                and last is not None
                and looked_at is not None
                and max(last, collected_at or last) < looked_at - OVERLAP
            )
        if is_same:
            percent, unlocked = row.percent_seen, row.percent_unlocked_seen
            found[user_id] = replace(observed, percent=percent, percent_unlocked=unlocked)
    return found
