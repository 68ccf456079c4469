"""What the LMS says of many learners in one course run, in a number of queries that does not grow with them."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import MOST_ALONE, Boundary, bulkhead, is_outage
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, Learner, Observed, Progress
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.reporting import identity, time_on_task


@dataclass(frozen=True, slots=True)
class ObservedLearner:
    """One learner and what is true, but for the dear share of completed units."""

    learner: Learner | None
    observed: Observed


def read(
    course_key: str, user_ids: Sequence[int], is_graded: bool, configuration: Configuration
) -> dict[int, ObservedLearner]:
    """Look at these learners in this course run.

    Raises:
        PlatformUnavailable: the platform could not be asked; nothing was decided.
    """
    learners = _learners(user_ids, configuration)
    enrollments = edx_platform.enrollments(course_key, user_ids)
    activities = edx_platform.activities(course_key, user_ids)
    grades = edx_platform.grades(course_key, user_ids)
    certificates = edx_platform.certificates(course_key, user_ids)
    return {
        user_id: ObservedLearner(
            learner=learners.get(user_id),
            observed=Observed(
                enrollment=enrollments.get(user_id),
                activity=activities.get(user_id, Activity()),
                grade=grades.get(user_id),
                certificate=certificates.get(user_id),
                is_graded=is_graded,
            ),
        )
        for user_id in user_ids
    }


@dataclass(slots=True)
class ProgressAnswers:
    """What the platform said of some learners' progress: the completed share, or None where it does not know.

    ``failed`` holds the reason of each learner whom it could not say, of those also whom it was not asked for after
    that; who is in neither was not asked for lack of time. ``is_broken`` says that it could say nobody's.
    """

    found: dict[int, Progress | None] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    is_broken: bool = False


def answers(course_key: str, user_ids: Sequence[int], deadline: float | None = None) -> ProgressAnswers:
    """The completed share, asked learner by learner: 10 to 500 ms each.

    The bulkhead around the progress of one learner, without which everything else is reported all the same. Where it
    fails for the first few, nobody else is asked: what is wrong then is the course.

    Arguments:
        deadline: ``time.monotonic()`` after which nobody is asked but the first.
    """
    users = edx_platform.users(user_ids)
    answers = ProgressAnswers()
    # By chance, or the same few whom it cannot say would be met first each time.
    mixed = random.sample(user_ids, len(user_ids))
    for number, user_id in enumerate(mixed):
        if number and deadline is not None and time.monotonic() >= deadline:
            break
        with bulkhead(Boundary.PROGRESS) as contained:
            user = users.get(user_id)
            answers.found[user_id] = None if user is None else edx_platform.learner_progress(course_key, user)
        if contained.error is None:
            continue
        if is_outage(contained.error):
            raise contained.error
        answers.failed[user_id] = contained.reason
        if len(answers.failed) >= MOST_ALONE and not answers.found:
            answers.is_broken = True
            answers.failed |= dict.fromkeys(mixed[number + 1 :], contained.reason)
            break
    return answers


def progress_version(observed: Observed, outline_version: str) -> str:
    """Everything, as far as it can be told cheaply, that a learner's progress depends on; ``''`` where part is unknown.

    What is remembered under ``''`` is never used again: better to ask once more than to be wrong for ever.

    Arguments:
        truth: whose completions and whose enrollment's mode count.
        outline_version: of the course run.
    """
    if not outline_version or observed.enrollment is None:
        return ""
    others = f"{outline_version}|{observed.enrollment.mode}|{observed.enrollment.is_active}"
    return f"{observed.activity.version}/{hashlib.sha256(others.encode()).hexdigest()[:16]}"


def outline_version(course_key: str) -> str:
    """The version of the outline in which units are counted; ``''`` where the LMS cannot say: it only saves asking."""
    try:
        return edx_platform.outline_version(course_key)
    except PlatformUnavailable as error:
        if is_outage(error):
            raise
        return ""


def versions(course_key: str, user_ids: Iterable[int]) -> dict[int, str]:
    """What the learners' completions are now, as ``Activity.version`` says it; those with none are absent."""
    return {user_id: seen.version for user_id, seen in edx_platform.activities(course_key, user_ids).items()}


def seconds_on_task(course_key: str, user_ids: Iterable[int]) -> dict[int, int | None]:
    """Time on task of those who have something to report."""
    times = edx_platform.activity_times(course_key, user_ids)
    return {user_id: time_on_task.seconds(moments) for user_id, moments in times.items()}


def _learners(user_ids: Sequence[int], configuration: Configuration) -> Mapping[int, Learner]:
    learners, names = edx_platform.learners(user_ids), config.retired_names()
    retiring = edx_platform.retiring(user_ids)
    links = edx_platform.social_links(user_ids) if identity.needs_links(configuration) else {}
    external = edx_platform.external_ids(user_ids) if configuration.learner_id == "external_id" else {}
    return {
        user_id: replace(
            learner,
            is_retired=user_id in retiring or names.has(learner),
            links=links.get(user_id, ()),
            external_id=external.get(user_id, ""),
        )
        for user_id, learner in learners.items()
    }
