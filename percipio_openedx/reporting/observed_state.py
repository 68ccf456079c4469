"""Read what the LMS holds of course runs, and of many learners in one, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, Course, Enrollment, Learner, Observed
from percipio_openedx.models.catalog import OverrideBook
from percipio_openedx.reporting import identity

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


def read(
    course: Course, user_ids: Sequence[int], configuration: Configuration, now: datetime, *, makes_ids: bool = True
) -> dict[int, tuple[Learner | None, Observed]]:
    """Read these learners and their observed state in this course run, without the expensive progress.

    Raises ``PlatformUnavailable``. ``makes_ids`` as in ``read_learners``.
    """
    learners = read_learners(user_ids, configuration, makes_ids=makes_ids)
    observed = read_observed(course, user_ids, edx_platform.enrollments(course.key, user_ids), now)
    return {user_id: (learners.get(user_id), observed[user_id]) for user_id in user_ids}


def read_observed(
    course: Course, user_ids: Collection[int], enrollments: Mapping[int, Enrollment], now: datetime
) -> dict[int, Observed]:
    """Read the same without accounts and links, of learners with these enrollments."""
    activities = edx_platform.activities(course.key, user_ids)
    grades = edx_platform.grades(course.key, user_ids)
    certificates = edx_platform.certificates(course.key, user_ids)

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
            is_graded=course.is_graded,
            ends_at=course.ends_at,
            has_ended=course.ends_at is not None and course.ends_at <= now,
        )

    return {user_id: observed(user_id) for user_id in user_ids}


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


def seconds_on_task(course_key: str, user_ids: Iterable[int]) -> dict[int, int | None]:
    """Return the time on task of those who have something to report."""
    return {user_id: worked(times) for user_id, times in edx_platform.activity_times(course_key, user_ids).items()}


def worked(times: Sequence[datetime]) -> int | None:
    """Return the whole seconds between ordered moments of activity without long pauses; None if unknown."""
    gaps = (later - earlier for earlier, later in pairwise(times))
    return int(sum((gap for gap in gaps if gap <= LONGEST_PAUSE), timedelta()).total_seconds()) or None
