"""Count whom a site reports, in how many of its courses, and why the others are not, and say it in one sentence.

Who is reported is decided by ``reporting.findings``, as in an observation. The grades and the progress, which decide
what is reported, are not read. A large site is counted by a fixed draw of its learners, and the numbers are estimates.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pprint import pformat
from typing import NamedTuple

from django.core.cache import cache as shared_cache
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import __version__, config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import CatalogPolicy, Enrollment, Observed
from percipio_openedx.db import rolled_back
from percipio_openedx.enums import HoldReason, ReportedCourses
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.catalog import OverrideBook
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.operations import labels
from percipio_openedx.operations.labels import Text
from percipio_openedx.operations.sites import InForce
from percipio_openedx.reporting import facts
from percipio_openedx.reporting.facts import refused_names
from percipio_openedx.reporting.findings import finding_of

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

    ``courses`` are its course runs with enrollments, ``reported_courses`` those that are not left out, ``learners`` are
    reported in one of these at least; ``others`` are not, by ``HoldReason``. ``is_sampled``: the numbers of learners
    are estimated from a draw. ``accounts`` are the learners by account, for a site with accounts.
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
        others={hold: number for (hold, _account), number in scaled.items() if hold},
        is_sampled=parts < edx_platform.PARTS,
    )


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

    The latter with the name of the account, which is ``''`` for a site without accounts. Of several reasons the first
    one about the learner counts, else that of a course.
    """
    for user_ids in in_chunks(drawn):
        learners = facts.read_learners(user_ids, configuration, makes_ids=False)
        refused = refused_names(configuration, user_ids)
        rows = {(row.user_id, row.course_key): row for row in LearnerCourse.objects.filter(user_id__in=user_ids)}
        for user_id in user_ids:
            enrolled, reasons = drawn[user_id], list[str]()
            for key in sorted(enrolled.keys() - closed.keys()):
                unknown = LearnerCourse(user_id=user_id, course_key=key, site_id=configuration.site_id)
                row, observed = rows.get((user_id, key), unknown), Observed(enrollment=enrolled[key])
                finding = finding_of(row, learners.get(user_id), observed, configuration, refused)
                if not finding.hold:
                    yield "", finding.account or ""
                    break
                reasons.append(finding.hold)
            else:
                reasons += [closed[key] for key in sorted(enrolled.keys() & closed.keys())]
                yield str(reasons[0]), ""


class Said(NamedTuple):
    """Whom a site reports, and as of when (None if nothing was counted)."""

    sentence: str
    at: datetime | None = None
    is_nobody: bool = False


def whom(
    in_force: InForce,
    all_courses: AllCourses = courses_by_site,
    *,
    fresh: bool = False,
    deadline: float | None = None,
) -> Said:
    """Say whom a site reports with a configuration, or why nobody.

    ``all_courses`` is a cached ``courses_by_site``, for several sites. ``fresh`` counts anew, instead of taking numbers
    that are at most ten minutes old. Nothing is counted after ``deadline`` (``time.monotonic()``).
    """
    if in_force is None:
        return Said(_("Nothing is reported: this site is switched off, or has no configuration."))
    if isinstance(in_force, PercipioConfigurationError):
        return Said(_("Nothing is reported: %(problem)s.") % {"problem": in_force.message})
    is_late = deadline is not None and time.monotonic() >= deadline
    key = _key(in_force)
    found: Reach | None = shared_cache.get(key) if is_late or not fresh else None
    if found is None and is_late:
        return Said(_("Whom this site reports has not been counted yet: open this page again."))
    if found is None:
        try:
            found = count(in_force, all_courses)
        except PlatformUnavailable as error:
            return Said(_("Whom this site reports cannot be counted now: %(problem)s.") % {"problem": error})
        shared_cache.set(key, found, timeout=REMEMBERED)
    return Said(sentence(found), found.at, is_nobody=bool(found.others) and not found.learners)


def sentence(found: Reach) -> str:
    """Return whom a site reports, in how many of its courses, and why the others are not."""
    if not found.courses:
        return _("Nobody was ever enrolled in a course of this site.")
    numbers = {
        "learners": ngettext("%(count)s learner", "%(count)s learners", found.learners)
        % {"count": number(found.learners, is_about=found.is_sampled)},
        "reported": number(found.reported_courses),
        "courses": ngettext("%(count)s course", "%(count)s courses", found.courses) % {"count": number(found.courses)},
    }
    if found.accounts:
        counts = sorted(found.accounts.items())
        each = labels.listed(f"{name}: {number(count, is_about=found.is_sampled)}" for name, count in counts)
        numbers["learners"] += f" ({each})"
    others = sum(found.others.values())
    largest_first = dict(sorted(found.others.items(), key=lambda item: -item[1]))
    if not others:
        return _("Reports %(learners)s in %(reported)s of %(courses)s.") % numbers
    numbers["others"] = ngettext(
        "%(count)s other is not reported, because: %(why)s",
        "%(count)s others are not reported, because: %(why)s",
        others,
    ) % {
        "count": number(others, is_about=found.is_sampled),
        "why": counted(largest_first, labels.HOLDS_IN_SHORT, is_about=found.is_sampled),
    }
    return _("Reports %(learners)s in %(reported)s of %(courses)s; %(others)s.") % numbers


def counted(counts: Mapping[str, float], names: Mapping[str, Text], *, is_about: bool) -> str:
    """Return named counts: ``account not active (100), no email address (3)``."""
    each = (f"{labels.of(names, name)} ({number(count, is_about=is_about)})" for name, count in counts.items())
    return labels.listed(each)


def number(count: float, *, is_about: bool = False) -> str:
    """Return a number as people read it; an estimate with two significant digits, as ``about 21,000``."""
    if not is_about:
        return formats.number_format(round(count), force_grouping=True)
    digits = max(0, len(str(round(count))) - 2)
    rounded = round(count / 10**digits) * 10**digits
    return _("about %(count)s") % {"count": formats.number_format(rounded, force_grouping=True)}
