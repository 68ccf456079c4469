"""What the LMS says of many learners in one course run, in a number of queries that does not grow with them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from percipio_openedx import config, edx_platform, identity
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, Learner, Share, Truth
from percipio_openedx.observation import time_on_task


@dataclass(frozen=True, slots=True)
class Seen:
    """One learner and what is true, but for the dear share of completed units."""

    learner: Learner | None
    truth: Truth


def read(course_key: str, user_ids: Sequence[int], is_graded: bool, configuration: Configuration) -> dict[int, Seen]:
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
        user_id: Seen(
            learner=learners.get(user_id),
            truth=Truth(
                enrollment=enrollments.get(user_id),
                activity=activities.get(user_id, Activity()),
                grade=grades.get(user_id),
                certificate=certificates.get(user_id),
                is_graded=is_graded,
            ),
        )
        for user_id in user_ids
    }


def shares(course_key: str, user_ids: Sequence[int], deadline: float | None = None) -> dict[int, Share | None]:
    """The completed share, asked learner by learner: 10 to 500 ms each; None where the platform does not know.

    Arguments:
        deadline: ``time.monotonic()`` after which nobody is asked but the first; those who were not are absent.
    """
    users = edx_platform.users(user_ids)
    found: dict[int, Share | None] = {}
    for user_id in user_ids:
        if found and deadline is not None and time.monotonic() >= deadline:
            break
        user = users.get(user_id)
        found[user_id] = None if user is None else edx_platform.completed_share(course_key, user)
    return found


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
