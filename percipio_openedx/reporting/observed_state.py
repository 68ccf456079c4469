"""Read what the LMS holds of course runs, and of many learners in one, in a constant number of queries."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import MOST_ALONE, Boundary, bulkhead, is_outage
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, Course, Learner, Observed, Progress
from percipio_openedx.edx_platform import CourseState
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.configuration import OverrideBook
from percipio_openedx.reporting import course_progress, identity

# A longer pause is not work (decided: "gaps over 30 minutes left out").
LONGEST_PAUSE = timedelta(minutes=30)


class CourseBook:
    """The courses of one pass. Nothing is cached longer: a renamed course is reported by its new name."""

    def __init__(self) -> None:
        self._courses: dict[str, Course | None] = {}
        self._configurations: dict[str, Configuration | None] = {}

    def get(self, course_key: str) -> Course | None:
        """Return a course run as it is to be reported, None if unknown, or raise ``PlatformUnavailable``.

        A course that is left out is not read: it may be left out because the LMS cannot read it.
        """
        if course_key not in self._courses:
            answer = OverrideBook([course_key]).of(course_key)
            if answer is not None and not answer.is_reported:
                course: Course | None = Course(key=course_key, org="", is_reported=False)
            else:
                course = edx_platform.course(course_key)
                if course is not None and answer is not None:
                    course = replace(course, content_id=answer.content_id, offer=answer.offer)
            self._courses[course_key] = course
        return self._courses[course_key]

    def configuration(self, course_key: str) -> Configuration | None:
        """Return the configuration in force for a course run, None if it reports nothing; raises as ``for_site``."""
        org = edx_platform.org_of(course_key)
        if org not in self._configurations:
            self._configurations[org] = config.for_site(config.site_id_for(org))
        return self._configurations[org]


def left_out(course_keys: Iterable[str]) -> set[str]:
    """Return those of these course runs that an operator left out. One query, for any number of them."""
    book = OverrideBook()
    answers = ((key, book.of(key)) for key in course_keys)
    return {key for key, answer in answers if answer is not None and not answer.is_reported}


@dataclass(frozen=True, slots=True)
class ObservedLearner:
    """One learner and the observed state, without the expensive progress."""

    learner: Learner | None
    observed: Observed


def read(
    course_key: str,
    user_ids: Sequence[int],
    is_graded: bool,
    configuration: Configuration,
    ends_at: datetime | None = None,
    now: datetime | None = None,
    *,
    makes_ids: bool = True,
) -> dict[int, ObservedLearner]:
    """Read the observed state of these learners in this course run, or raise ``PlatformUnavailable``.

    Whether the run has ended (``ends_at``) is only said with ``now``. ``makes_ids`` as in ``read_learners``.
    """
    learners = read_learners(user_ids, configuration, makes_ids=makes_ids)
    enrollments = edx_platform.enrollments(course_key, user_ids)
    activities = edx_platform.activities(course_key, user_ids)
    grades = edx_platform.grades(course_key, user_ids)
    certificates = edx_platform.certificates(course_key, user_ids)

    def observed(user_id: int) -> Observed:
        activity = activities.get(user_id, Activity())
        # Known without asking; otherwise it is asked for where it matters.
        percent = None if activity.has_complete_block else 0
        return Observed(
            enrollment=enrollments.get(user_id),
            activity=activity,
            percent=percent,
            percent_unlocked=percent,
            grade=grades.get(user_id),
            certificate=certificates.get(user_id),
            is_graded=is_graded,
            ends_at=ends_at,
            has_ended=ends_at is not None and now is not None and ends_at <= now,
        )

    return {user_id: ObservedLearner(learners.get(user_id), observed(user_id)) for user_id in user_ids}


def read_learners(
    user_ids: Sequence[int], configuration: Configuration, *, makes_ids: bool = True
) -> Mapping[int, Learner]:
    """Read these learners with all that decides whose they are and how they are named (``findings.finding_of``).

    The platform makes an external id when it is first asked for one. Unless ``makes_ids`` it is not asked, and each
    learner has a stand-in: for those who only count.
    """
    learners, names = edx_platform.learners(user_ids), config.retired_names()
    retiring = edx_platform.retiring(user_ids)
    links = edx_platform.social_links(user_ids) if identity.needs_links(configuration) else {}
    external: Mapping[int, str] = {}
    if identity.needs_external_ids(configuration):
        external = edx_platform.external_ids(user_ids) if makes_ids else dict.fromkeys(user_ids, "-")
    return {
        user_id: replace(
            learner,
            is_retired=user_id in retiring or names.has(learner),
            links=links.get(user_id, ()),
            external_id=external.get(user_id, ""),
        )
        for user_id, learner in learners.items()
    }


@dataclass(slots=True)
class ProgressAnswers:
    """The progress that the platform computed, or None where it does not know.

    ``failed`` holds the reason of each learner for whom it failed, or was not asked after too many failures. A learner
    in neither was not asked for lack of time. ``is_broken``: it failed for all.
    """

    found: dict[int, Progress | None] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    is_broken: bool = False


def answers(
    course_key: str, user_ids: Sequence[int], deadline: float | None = None, state: CourseState | None = None
) -> ProgressAnswers:
    """Answer for the learners of the course run at once; ask for the others (10 to 500 ms each) one by one.

    The bulkheads around the progress, of the course run and of one learner; everything else is reported without it. If
    it fails for the first few, no others are asked for: the problem is the course. After ``deadline`` only the first
    one is asked for. ``state`` is what was read a moment ago (``course_state``).
    """
    users = edx_platform.users(user_ids)
    answers = ProgressAnswers()
    if deadline is None or time.monotonic() < deadline:
        with bulkhead(Boundary.PROGRESS, passes_outages=True) as contained:
            known = course_progress.at_once(course_key, users, state)
            answers.found.update(known.found)
            answers.failed.update(known.failed)
        if contained.error is not None:
            course_progress.log_failure(course_key, contained.reason)
    rest = [user_id for user_id in user_ids if user_id not in answers.found and user_id not in answers.failed]
    # In random order, or the same failing few would come first each time.
    mixed = random.sample(rest, len(rest))
    for number, user_id in enumerate(mixed):
        if number and deadline is not None and time.monotonic() >= deadline:
            break
        with bulkhead(Boundary.PROGRESS, passes_outages=True) as contained:
            user = users.get(user_id)
            answers.found[user_id] = None if user is None else edx_platform.learner_progress(course_key, user)
        if contained.error is None:
            continue
        answers.failed[user_id] = contained.reason
        if len(answers.failed) >= MOST_ALONE and not answers.found:
            answers.is_broken = True
            answers.failed |= dict.fromkeys(mixed[number + 1 :], contained.reason)
            break
    return answers


def progress_version(observed: Observed, state: str | None) -> str:
    """Return a cheap hash of all that progress depends on; ``''``, never reused, if a part is unknown.

    Arguments:
        state: of the learner (``CourseState.texts``); None if it was not read. Then the version says what was done,
            and equals no version of a state.
    """
    enrollment, activity = observed.enrollment, observed.activity
    if state is None:
        return f"{activity.version}/"
    if not state or enrollment is None:
        return ""
    others = f"{state}|{enrollment.mode}|{enrollment.is_active}"
    return f"{activity.version}/{hashlib.sha256(others.encode()).hexdigest()[:16]}"


def is_same_activity(version: str, activity: Activity) -> bool:
    """Whether this version (``progress_version``) is of the same completions."""
    return bool(version) and version.rpartition("/")[0] == activity.version


def course_state(course_key: str, user_ids: Sequence[int]) -> CourseState:
    """Return what progress depends on but the completions; nothing if unknown, since it only saves asking.

    That is the version of the course run, and of the learner: roles, cohort, experiments, gating, drawn questions.
    """
    try:
        return edx_platform.course_state(course_key, edx_platform.users(user_ids))
    except PlatformUnavailable as error:
        if is_outage(error):
            raise
        return CourseState()


def seconds_on_task(course_key: str, user_ids: Iterable[int]) -> dict[int, int | None]:
    """Return the time on task of those who have something to report."""
    return {user_id: worked(times) for user_id, times in edx_platform.activity_times(course_key, user_ids).items()}


def worked(times: Sequence[datetime]) -> int | None:
    """Return the whole seconds between ordered moments of activity without long pauses; None if unknown."""
    gaps = (later - earlier for earlier, later in pairwise(times))
    return int(sum((gap for gap in gaps if gap <= LONGEST_PAUSE), timedelta()).total_seconds()) or None
