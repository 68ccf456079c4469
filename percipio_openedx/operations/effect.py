"""What a change of a site's configuration would change in what is due, before it is saved.

For each learner in a course: what would be reported now with the one configuration, and with the other. Decided as in
an observation (``findings.finding_of``, ``milestones.due``), but the expensive progress is not asked for: the stored
percents are taken. Nothing is written. A large site is estimated from as many draws of learners as the time allows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256

from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course, Milestone
from percipio_openedx.db import rolled_back
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.operations.reach import AllCourses, Courses, courses_by_site, in_chunks, left_out, parts_of
from percipio_openedx.reporting import milestones
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.findings import LearnerFinding, findings_of

# A site with more is estimated from this many draws, each of about so many enrollments in one course run.
DRAWS, EACH = 40, 50
# Seconds after which no further course run is examined: an operator is waiting.
PATIENCE = 4.0

# Estimates are no whole numbers.
Numbers = Counter[str]
# What is due, by kind and value of the milestone (the same milestone may have another date).
Due = dict[tuple[str, str], Milestone]


@dataclass(slots=True)
class Effect:
    """Numbers of learners in courses, estimates if ``is_sampled``.

    Arguments:
        enrollments: all in the site's course runs that are not left out.
        changed: those for whom something else is due.
        more, fewer, moved: those by kind of milestone: newly due, no longer due, and due with another date.
        unknown: others whose progress was never read, although it might change what is due.
    """

    enrollments: int = 0
    changed: float = 0
    more: Numbers = field(default_factory=Counter)
    fewer: Numbers = field(default_factory=Counter)
    moved: Numbers = field(default_factory=Counter)
    unknown: float = 0
    is_sampled: bool = False

    def add(self, other: Effect, factor: float) -> None:
        """Add the numbers of ``factor`` times as many learners in courses."""
        self.changed += other.changed * factor
        self.unknown += other.unknown * factor
        for mine, others in ((self.more, other.more), (self.fewer, other.fewer), (self.moved, other.moved)):
            mine.update({kind: count * factor for kind, count in others.items()})


def compare(
    before: Configuration | None, after: Configuration | None, all_courses: AllCourses = courses_by_site
) -> Effect:
    """Return what would be due otherwise ``after`` a change of one site's configuration (None reports nothing).

    ``all_courses`` is a cached ``courses_by_site``, for several counts. Raises ``PlatformUnavailable``.
    """
    configuration = after or before
    if configuration is None:
        return Effect()
    courses = all_courses().get(configuration.site_id, {})
    deadline = time.monotonic() + PATIENCE
    part, done, book = Effect(), 0.0, CourseBook()
    with rolled_back():
        closed = left_out(courses)
        courses = {key: number for key, number in courses.items() if key not in closed}
        total = sum(courses.values())
        is_small = len(courses) <= DRAWS and total <= DRAWS * EACH
        # How much of the whole each course run stands for.
        shares: Mapping[str, float] = courses if is_small else _draws(courses, total)
        for key in shares:
            if done and time.monotonic() >= deadline:
                break
            most = courses[key] if is_small else EACH * round(shares[key] * DRAWS / total)
            # The others stand for one that cannot be read.
            with suppress(PlatformUnavailable):
                found, examined = _of_course(before, after, book.get(key), courses[key], most)
                if examined:
                    done += shares[key]
                    part.add(found, shares[key] / examined)
    whole = Effect(enrollments=total, is_sampled=not is_small or done < total)
    if done:
        whole.add(part, total / done)
    return whole


def example(configuration: Configuration) -> tuple[int, str] | None:
    """Return a learner of this site, and the course run, of whom something would be reported if nothing had been yet.

    Those who have completed something come first. None if there is nobody among the first of the largest courses.
    Raises ``PlatformUnavailable``.
    """
    courses = courses_by_site().get(configuration.site_id, {})
    with rolled_back():
        closed, book = left_out(courses, configuration.catalog), CourseBook()
        largest = sorted(courses.keys() - closed.keys(), key=lambda key: (-courses[key], key))[:DRAWS]
        for key in largest:
            with suppress(PlatformUnavailable):
                drawn = edx_platform.enrollments_after(key, 0, EACH)
                rows = {user_id: LearnerCourse(user_id=user_id, course_key=key) for _pk, user_id, _at in drawn}
                side = _Side(configuration, book.get(key), rows)
                found = sorted((not side.asks(one), one) for one in rows if side.due(one))
                if found:
                    return found[0][1], key
    return None


def _draws(courses: Courses, total: int) -> dict[str, float]:
    """Return the course runs drawn, each by its number of enrollments, with the share of each; in a mixed order."""
    wanted = [(number + 0.5) * total / DRAWS for number in range(DRAWS)]
    found: Counter[str] = Counter()
    passed = 0
    for key in sorted(courses):
        passed += courses[key]
        while wanted and wanted[0] < passed:
            found[key] += 1
            del wanted[0]
    mixed = sorted(found, key=lambda key: sha256(key.encode()).digest())
    return {key: found[key] * total / DRAWS for key in mixed}


def _of_course(
    before: Configuration | None, after: Configuration | None, course: Course | None, enrollments: int, most: int
) -> tuple[Effect, int]:
    """Return the numbers of one course run, and how many learners in it were examined (about ``most``)."""
    found, examined = Effect(), 0
    if course is None:
        return found, examined
    drawn = edx_platform.drawn_enrollments({course.key: enrollments}, parts_of(enrollments, most))
    for user_ids in in_chunks(user_id for user_id, _key, _enrollment in drawn):
        examined += len(user_ids)
        known = LearnerCourse.objects.filter(course_key=course.key, user_id__in=user_ids)
        rows = {user_id: LearnerCourse(user_id=user_id, course_key=course.key) for user_id in user_ids}
        rows |= {row.user_id: row for row in known}
        old, new = _Side(before, course, rows), _Side(after, course, rows)
        for user_id, row in rows.items():
            now, then = old.due(user_id), new.due(user_id)
            if _differ(now, then):
                _note(found, now, then)
            elif row.percent_seen is None and (old.asks(user_id) or new.asks(user_id)):
                # With everything done: whether the progress matters at all.
                found.unknown += _differ(old.due(user_id, percent=100), new.due(user_id, percent=100))
    return found, examined


class _Side:
    """What is due of some learners in a course run with one configuration; None reports nothing."""

    def __init__(
        self, configuration: Configuration | None, course: Course | None, rows: Mapping[int, LearnerCourse]
    ) -> None:
        self._findings: dict[int, LearnerFinding] = {}
        if configuration is None or course is None or course.hold(configuration.catalog):
            return
        found = findings_of(configuration, course, rows, timezone.now(), makes_ids=False)
        self._findings = {one.row.user_id: one for one in found if not one.hold}

    def due(self, user_id: int, percent: int | None = None) -> Due:
        """Return what is due of one learner; ``percent`` stands in for a progress that was never read."""
        finding = self._findings.get(user_id)
        if finding is None:
            return {}
        row, observed = finding.row, finding.observed
        if observed.activity.has_complete_block:
            seen = (row.percent_seen, row.percent_unlocked_seen) if percent is None else (percent, percent)
            observed = replace(observed, percent=seen[0], percent_unlocked=seen[1])
        due = milestones.due(finding.reported, observed, finding.policy)[1]
        return {(str(one.kind), one.value): one for one in due}

    def asks(self, user_id: int) -> bool:
        """Return whether the progress can change what is due."""
        finding = self._findings.get(user_id)
        return finding is not None and milestones.needs_percent(finding.reported, finding.observed, finding.policy)


def _differ(now: Due, then: Due) -> bool:
    return {key: one.at for key, one in now.items()} != {key: one.at for key, one in then.items()}


def _note(found: Effect, now: Due, then: Due) -> None:
    found.changed += 1
    found.more.update({kind for kind, _value in then.keys() - now.keys()})
    found.fewer.update({kind for kind, _value in now.keys() - then.keys()})
    found.moved.update(
        {kind for kind, value in now.keys() & then.keys() if now[kind, value].at != then[kind, value].at}
    )
