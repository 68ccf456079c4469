"""Count whom a site reports, in how many of its courses, and why the others are not: one sentence with numbers.

Who is reported is decided by ``reporting.findings``, as in an observation. The grades and the progress, which decide
what is reported, are not read. A large site is counted by a fixed draw of its learners, and the numbers are estimates.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from pprint import pformat

from django.core.cache import cache as shared_cache
from django.utils import timezone

from percipio_openedx import __version__, config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import CatalogPolicy, Enrollment, Learner, Observed
from percipio_openedx.db import rolled_back
from percipio_openedx.enums import HoldReason, ReportedCourses
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.catalog import OverrideBook
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.reporting import facts
from percipio_openedx.reporting.facts import refused_names
from percipio_openedx.reporting.findings import LearnerFinding, finding_of

# Enrollments that are examined one by one; of a site with more, about as many are drawn.
MOST_EXAMINED = 5_000
# Learners whose accounts and rows are read together.
AT_ONCE = 500
# Seconds for which the numbers are remembered: the overview is opened often.
REMEMBERED = 600

# Number of enrollments by course run, and that by site.
Courses = Mapping[str, int]
AllCourses = Callable[[], Mapping[int, Courses]]
# The course runs in which a learner is enrolled; an enrollment without a date is None.
Enrolled = dict[str, Enrollment | None]


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom one site reports, of all who were ever enrolled in its courses. No personal data.

    Arguments:
        at: when it was counted.
        courses: the site's course runs with enrollments.
        reported_courses: those of them that are not left out.
        learners: the learners reported in one of these at least.
        others: the other learners, by the reason (``HoldReason``).
        is_sampled: the numbers of learners are estimated from a draw.
        accounts: the learners by the name of their account, for a site with accounts.
    """

    at: datetime
    courses: int = 0
    reported_courses: int = 0
    learners: int = 0
    others: Mapping[str, int] = field(default_factory=dict)
    is_sampled: bool = False
    accounts: Mapping[str, int] = field(default_factory=dict)


def courses_by_site() -> dict[int, dict[str, int]]:
    """Return the course runs of each site that anybody was ever enrolled in, with their numbers of enrollments."""
    site_of = cache(config.site_id_for)
    found: dict[int, dict[str, int]] = {}
    for course_key, count in edx_platform.enrollment_counts().items():
        org = None
        # An enrollment in something that is no course run belongs to no site.
        with suppress(PlatformUnavailable):
            org = edx_platform.org_of(course_key)
        if org is not None:
            found.setdefault(site_of(org), {})[course_key] = count
    return found


def left_out(courses: Courses, catalog: CatalogPolicy | None = None) -> dict[str, HoldReason]:
    """Return why nothing is reported of these course runs, whoever the learner is; others are absent."""
    found = dict.fromkeys(facts.left_out(courses), HoldReason.COURSE_LEFT_OUT)
    # A course that is left out is not read.
    rest = [key for key in courses if key not in found]
    found |= dict.fromkeys(edx_platform.unknown_courses(rest), HoldReason.UNKNOWN_COURSE)
    if catalog is not None and catalog.courses is ReportedCourses.CATALOG:
        book = OverrideBook()
        for run in edx_platform.course_runs([key for key in rest if key not in found]):
            answer = book.of(run.key)
            if not catalog.offers(answer.offer if answer is not None else "", is_visible=run.is_visible):
                found[run.key] = HoldReason.NOT_IN_CATALOG
    return found


def count(configuration: Configuration, all_courses: AllCourses = courses_by_site) -> Reach:
    """Count whom this site would report with this configuration, saved or not.

    ``all_courses`` is a cached ``courses_by_site``, for several counts. Raises ``PlatformUnavailable``.
    """
    courses = all_courses().get(configuration.site_id, {})
    now = timezone.now()
    with rolled_back():
        closed = left_out(courses, configuration.catalog)
        parts = parts_of(sum(courses.values()), MOST_EXAMINED)
        drawn: dict[int, Enrolled] = {}
        for user_id, course_key, enrollment in edx_platform.drawn_enrollments(courses, parts):
            drawn.setdefault(user_id, {})[course_key] = enrollment
        found = Counter(_found(configuration, drawn, closed))
    factor = edx_platform.PARTS / parts
    scaled = {key: round(number * factor) for key, number in found.most_common()}
    accounts = {account: number for (hold, account), number in scaled.items() if not hold}
    return Reach(
        at=now,
        courses=len(courses),
        reported_courses=len(courses) - len(closed),
        learners=sum(accounts.values()),
        accounts=accounts if configuration.accounts else {},
        others={hold: number for (hold, _), number in scaled.items() if hold},
        is_sampled=parts < edx_platform.PARTS,
    )


def recall(configuration: Configuration) -> Reach | None:
    """Return the last count with this configuration, if it is remembered."""
    found: Reach | None = shared_cache.get(_key(configuration))
    return found


def recount(configuration: Configuration, all_courses: AllCourses = courses_by_site) -> Reach:
    """Count, and remember the numbers for some minutes; arguments and errors as of ``count``."""
    found = count(configuration, all_courses)
    shared_cache.set(_key(configuration), found, timeout=REMEMBERED)
    return found


def _key(configuration: Configuration) -> str:
    # The text of a configuration holds everything but secrets; this one is the same in each process, also of sets.
    text = f"{__version__}|{pformat(configuration, width=1)}"
    return f"percipio_openedx:reach:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def parts_of(enrollments: int, most: int) -> int:
    """Return how many of ``edx_platform.PARTS`` parts of the learners to draw for about ``most`` enrollments."""
    return edx_platform.PARTS if enrollments <= most else max(1, edx_platform.PARTS * most // enrollments)


def in_chunks(user_ids: Iterable[int]) -> Iterator[Sequence[int]]:
    """Yield the learners in order, as many at once as are read together."""
    ordered = sorted(user_ids)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _found(
    configuration: Configuration, drawn: Mapping[int, Enrolled], closed: Mapping[str, HoldReason]
) -> Iterator[tuple[str, str]]:
    """Yield for each learner why nothing is reported of them in any course run, and ``''`` if something is.

    The latter with the name of the account, which is ``''`` for a site without accounts.
    """
    for user_ids in in_chunks(drawn):
        learners = facts.read_learners(user_ids, configuration, makes_ids=False)
        refused = refused_names(configuration, user_ids)
        rows: dict[int, dict[str, LearnerCourse]] = {}
        for row in LearnerCourse.objects.filter(user_id__in=user_ids):
            rows.setdefault(row.user_id, {})[row.course_key] = row
        for user_id in user_ids:
            known = rows.get(user_id, {})
            for course_key in drawn[user_id].keys() - closed.keys() - known.keys():
                known[course_key] = LearnerCourse(user_id=user_id, course_key=course_key, site_id=configuration.site_id)
            find = partial(finding_of, configuration=configuration, refused=refused)
            yield _hold(find, learners.get(user_id), drawn[user_id], known, closed)


def _hold(
    find: Callable[..., LearnerFinding],
    learner: Learner | None,
    enrolled: Enrolled,
    rows: Mapping[str, LearnerCourse],
    closed: Mapping[str, HoldReason],
) -> tuple[str, str]:
    """Return the first reason about the learner, else that of a course; or ``''`` and the account."""
    found = ""
    for course_key in sorted(enrolled, key=lambda one: (one in closed, one)):
        if course_key in closed:
            return found or str(closed[course_key]), ""
        finding = find(rows[course_key], learner, Observed(enrollment=enrolled[course_key]))
        if not finding.hold:
            return "", finding.account or ""
        found = found or str(finding.hold)
    return found, ""
