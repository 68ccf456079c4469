"""What a change of a site's configuration would change in what is due, before it is saved.

For each learner in a course: what would be reported now with the one configuration, and with the other. Decided as in
an observation (``findings.finding_of``, ``milestones.due``), but the expensive progress is not asked for: the stored
percents are taken. Nothing is written. A large site is estimated from some learners of its largest course runs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Course
from percipio_openedx.db import rolled_back
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.operations import labels
from percipio_openedx.operations.reach import (
    AllCourses,
    Courses,
    counted,
    courses_by_site,
    in_chunks,
    left_out,
    number,
    parts_of,
)
from percipio_openedx.reporting import milestones
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.findings import LearnerFinding, findings_of

# Course runs and enrollments that are examined; those of a larger site stand for the others.
MOST_COURSES, MOST = 40, 2_000
# Enrollments among which an example is looked for, in each course run.
MOST_TRIED = 50
# Seconds after which no further course run is examined: an operator is waiting.
PATIENCE = 4.0

# What is due, by kind and value of the milestone, with its date.
Due = dict[tuple[str, str], datetime]


@dataclass(slots=True)
class Effect:
    """Numbers of learners in courses, estimates if ``is_sampled``, which are no whole numbers.

    Arguments:
        enrollments: all in the site's course runs that are not left out.
        changed: those for whom something else is due, or with another date.
        more, fewer: those by kind of milestone: newly due, and no longer due.
        unknown: others whose progress was never read, although it might change what is due.
    """

    enrollments: int = 0
    changed: float = 0
    more: Counter[str] = field(default_factory=Counter)
    fewer: Counter[str] = field(default_factory=Counter)
    unknown: float = 0
    is_sampled: bool = False

    def add(self, other: Effect, factor: float) -> None:
        """Add the numbers of ``factor`` times as many learners in courses."""
        self.changed += other.changed * factor
        self.unknown += other.unknown * factor
        for mine, others in ((self.more, other.more), (self.fewer, other.fewer)):
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
    part, done, book = Effect(), 0, CourseBook()
    with rolled_back():
        closed = left_out(courses)
        courses = {key: number for key, number in courses.items() if key not in closed}
        total, chosen = sum(courses.values()), _largest(courses)
        each = total if total <= MOST else MOST // max(1, len(chosen))
        for key in chosen:
            if done and time.monotonic() >= deadline:
                break
            # The others stand for one that cannot be read.
            with suppress(PlatformUnavailable):
                found, examined = _of_course(before, after, book.get(key), courses[key], each)
                if examined:
                    done += courses[key]
                    part.add(found, courses[key] / examined)
    whole = Effect(enrollments=total, is_sampled=done < total or any(courses[key] > each for key in chosen))
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
        for key in _largest({key: courses[key] for key in courses.keys() - closed.keys()}):
            with suppress(PlatformUnavailable):
                drawn = edx_platform.enrollments_after(key, 0, MOST_TRIED)
                rows = {user_id: LearnerCourse(user_id=user_id, course_key=key) for _pk, user_id, _at in drawn}
                side = _Side(configuration, book.get(key), rows)
                found = sorted((not side.asks(one), one) for one in rows if side.due(one))
                if found:
                    return found[0][1], key
    return None


def _largest(courses: Courses) -> list[str]:
    return sorted(courses, key=lambda key: (-courses[key], key))[:MOST_COURSES]


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
            if now != then:
                found.changed += 1
                found.more.update({kind for kind, _value in then.keys() - now.keys()})
                found.fewer.update({kind for kind, _value in now.keys() - then.keys()})
            elif row.percent_seen is None and (old.asks(user_id) or new.asks(user_id)):
                # With everything done: whether the progress matters at all.
                found.unknown += old.due(user_id, percent=100) != new.due(user_id, percent=100)
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
        return {(str(one.kind), one.value): one.at for one in due}

    def asks(self, user_id: int) -> bool:
        """Return whether the progress can change what is due."""
        finding = self._findings.get(user_id)
        return finding is not None and milestones.needs_percent(finding.reported, finding.observed, finding.policy)


def of_effect(found: Effect) -> list[str]:
    """Return what a change would change in what is due, one sentence a line."""
    about, everybody = found.is_sampled, number(found.enrollments)
    if round(found.changed):
        text = ngettext(
            "For %(count)s of %(all)s learners in courses something else would be due than now.",
            "For %(count)s of %(all)s learners in courses something else would be due than now.",
            round(found.changed),
        )
    else:
        text = ngettext(
            "What is due stays the same for %(all)s learner in a course.",
            "What is due stays the same for all %(all)s learners in courses.",
            found.enrollments,
        )
    said = [text % {"count": number(found.changed, is_about=about), "all": everybody}]
    for title, kinds in ((_("Newly due"), found.more), (_("No longer due"), found.fewer)):
        if kinds:
            counts = counted({kind: kinds[kind] for kind in Kind if kind in kinds}, labels.KINDS, is_about=about)
            said.append(_("%(title)s: %(counts)s.") % {"title": title, "counts": counts})
    if round(found.unknown):
        text = ngettext(
            "For %(count)s more, it depends on how much is done, which the LMS was not asked yet.",
            "For %(count)s more, it depends on how much is done, which the LMS was not asked yet.",
            round(found.unknown),
        )
        said.append(text % {"count": number(found.unknown, is_about=about)})
    return said
