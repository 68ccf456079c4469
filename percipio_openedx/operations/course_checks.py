"""The doctor's checks of learners and courses: who is reported, progress, the catalog, ids that courses share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config, edx_platform
from percipio_openedx.catalog.compare import runs_of
from percipio_openedx.catalog.items import items, record
from percipio_openedx.catalog.push import without_organization
from percipio_openedx.config import CatalogRules, Configuration
from percipio_openedx.enums import CompletedOn, Offering, ReportedCourses
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.catalog import ALL_RUNS, CourseOverride
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.operations import labels, problems, reach, retention, sites
from percipio_openedx.operations.checks import CheckResult, asked, doubtful, skipped, well, wrong
from percipio_openedx.operations.connection_check import ASK_FOR_ORGANIZATION, NO_ORGANIZATION
from percipio_openedx.operations.reach import AllCourses
from percipio_openedx.operations.sites import SiteStatus
from percipio_openedx.operations.status import Snapshot
from percipio_openedx.reporting import course_progress
from percipio_openedx.statements.content import course_slug

# Courses and content ids named individually.
MOST_NAMED: Final = 20
# Course runs whose grading is checked.
MOST_COURSES: Final = 200
_COURSE: Final = re.compile(r"(?:course|ccx)-v1:(?P<org>[^+]+)\+(?P<number>[^+]+)\+.+")


def progress() -> Iterator[CheckResult]:
    """Yield the courses whose learners' progress is asked one by one, and why."""
    name = _("progress")
    for row in course_progress.differing().order_by("course_key")[:MOST_NAMED]:
        seen = _("%(course)s: counted otherwise than by the LMS (%(difference)s); asked learner by learner for a day")
        values = {"course": row.course_key, "difference": row.difference}
        yield doubtful(name, seen % values, _("Report it to the authors of the plugin, with the LMS's release."))
    seen = _("%(course)s: asked learner by learner: %(reason)s")
    for course_key, reason in sorted(course_progress.reasons().items())[:MOST_NAMED]:
        yield well(name, seen % {"course": course_key, "reason": _(reason)})


def reported_learners(snapshot: Snapshot, all_courses: AllCourses) -> Iterator[CheckResult]:
    """Yield whom each reporting site reports; others are named with their configuration."""
    for site, one in snapshot.reporting:
        name = _("learners of %(site)s") % {"site": site}
        said = reach.whom(one, all_courses)
        if said.at is None:
            yield doubtful(name, said.sentence, _("See the LMS functions above."))
        elif said.is_nobody:
            yield doubtful(name, said.sentence, _("Check PERCIPIO_LEARNERS, and how learners are named to Percipio."))
        else:
            seen = _("%(sentence)s (as of %(at)s)") % {"sentence": said.sentence, "at": problems.at(said.at)}
            yield well(name, seen)


def ungraded_courses(snapshot: Snapshot) -> Iterator[CheckResult]:
    """Yield courses without graded content: they never complete where completion means passing."""
    for site, one in snapshot.reporting:
        if one.policy.completed_on is not CompletedOn.PASSED:
            continue
        rows = LearnerCourse.objects.filter(site_id=one.site_id).order_by()
        keys = list(rows.values_list("course_key", flat=True).distinct()[:MOST_COURSES])
        ungraded = [key for key in keys if _is_ungraded(key)]
        if ungraded:
            seen = _(
                "%(ungraded)s of %(all)s course runs have nothing that is graded, such as %(example)s: they can be "
                "started, but never completed"
            )
            yield doubtful(
                _("ungraded courses of %(site)s") % {"site": site},
                seen % {"ungraded": len(ungraded), "all": len(keys), "example": ungraded[0]},
                _("Set PERCIPIO_COMPLETED_ON to course, or leave these courses out (percipio_courses)."),
            )


def _is_ungraded(course_key: str) -> bool:
    with suppress(PlatformUnavailable):
        course = edx_platform.course(course_key)
        return course is not None and not course.is_graded
    return False


def retired_learners() -> Iterator[CheckResult]:
    """Yield whether any retired learner is left unerased."""
    name = _("retired learners")
    yield from asked(name, _retired_learners(name))


def _retired_learners(name: str) -> Iterator[CheckResult]:
    if left := retention.count_retired():
        seen = ngettext("%(count)s is still here", "%(count)s are still here", left) % {"count": left}
        yield wrong(name, seen, _("Run: %(command)s") % {"command": "manage.py lms percipio_prune"})
    else:
        yield well(name, _("none is left here"))


def shared_ids(snapshot: Snapshot) -> Iterator[CheckResult]:
    """Yield whether each content id of the sites with the rule ``slug`` is one course's alone."""
    by_slug = cache(_by_slug)
    for site, one in snapshot.reporting:
        if one.content_id == "slug":
            name = _("content ids of %(site)s") % {"site": site}
            yield from asked(name, _shared_ids(name, one.site_id, by_slug))


def _shared_ids(
    name: str, site_id: int, by_slug: Callable[[], dict[tuple[int, str], list[str]]]
) -> Iterator[CheckResult]:
    shared = [found for found in by_slug().items() if found[0][0] == site_id and len(found[1]) > 1]
    for (_site_id, slug), courses in shared[:MOST_NAMED]:
        seen = _("%(id)s stands for several courses: %(courses)s") % {"id": slug, "courses": ", ".join(courses)}
        yield wrong(name, seen, _("Give all but one of them an id of its own (course overrides)."))
    if not shared:
        yield well(name, _("each is one course's alone"))


def _by_slug() -> dict[tuple[int, str], list[str]]:
    """Return the courses of the LMS (``course:Org+Course``) by site and slug, but those with an id of their own."""
    keys = edx_platform.run_keys(("course-v1:", "ccx-v1:"))
    courses = {(found["org"], found["number"]) for key in keys if (found := _COURSE.fullmatch(key))}
    named = CourseOverride.objects.filter(course_key__startswith=ALL_RUNS).exclude(content_id="")
    has_own_id = set(named.values_list("course_key", flat=True))
    site_of = cache(config.site_id_for)
    found_courses: dict[tuple[int, str], list[str]] = {}
    for org, number in sorted(courses):
        course = f"{ALL_RUNS}{org}+{number}"
        if course not in has_own_id:
            found_courses.setdefault((site_of(org), course_slug(org, number)), []).append(course)
    return found_courses


def catalogs(snapshot: Snapshot, all_courses: AllCourses) -> Iterator[CheckResult]:
    """Yield for each site what Percipio cannot be sent of its catalog, and which reported courses it cannot know."""
    yield from not_sent(snapshot.reporting)
    for site in snapshot.sites.values():
        name = _("catalog of %(site)s") % {"site": site.name}
        yield from asked(name, _of_site(name, site, all_courses))


def _of_site(name: str, site: SiteStatus, all_courses: AllCourses) -> Iterator[CheckResult]:
    reports = site.configuration is not None
    try:
        rules = config.catalog_for(site.site_id)
    except PercipioConfigurationError:
        return  # the check of the site's configuration names it
    if rules is not None and rules.policy.offering is not Offering.NONE:
        yield from _of_catalog(name, rules, all_courses if reports else dict)
    elif reports:
        seen = _("none (PERCIPIO_CATALOG): Percipio can show completions only of courses that it knows already")
        yield skipped(name, seen)


def not_sent(reporting: Iterable[tuple[str, Configuration]]) -> Iterator[CheckResult]:
    """Yield where a catalog that is offered is not sent, without a look at its courses."""
    for site, one in reporting:
        if one.catalog.offering is Offering.NONE:
            continue
        name = _("catalog of %(site)s")
        if not one.catalog.push:
            seen = _("not sent (PERCIPIO_CATALOG_PUSH): upload it as a file, or switch that on")
            has_id = all(sender.organization for sender in one.senders)
            yield skipped(name % {"site": site}, seen if has_id else f"{seen}; {NO_ORGANIZATION}")
        for sender in without_organization(one):
            where = {"site": sites.place_name(site, sender.account)}
            yield wrong(name % where, str(NO_ORGANIZATION), str(ASK_FOR_ORGANIZATION))


def _of_catalog(name: str, rules: CatalogRules, all_courses: AllCourses) -> Iterator[CheckResult]:
    runs = runs_of(rules)
    records = [record(item.runs[0], rules.policy, rules.root) for item in items(runs, timezone.now())]
    held: dict[str, list[str]] = {}
    for one in records:
        for gap in one.gaps:
            held.setdefault(gap, []).append(one.content_id)
    for lack, ids in held.items():
        seen = ngettext(
            "%(count)s item is held back: %(example)s",
            "%(count)s items are held back, such as %(example)s",
            len(ids),
        )
        yield doubtful(name, seen % {"count": len(ids), "example": ids[0]}, labels.of(labels.GAPS, lack))
    if not records:
        yield doubtful(name, _("nothing is offered"), _("Offer courses: the admin's page Courses for Percipio."))
    known = {one.content_id for one in records if not one.gaps}
    missing: list[str] = []
    if rules.policy.courses is ReportedCourses.ALL:
        enrolled = all_courses().get(rules.site_id, {})
        closed, ids_of = reach.left_out(enrolled), {one.run.key: one.content_id for one in runs}
        missing = [key for key in sorted(enrolled) if key not in closed and ids_of.get(key) not in known]
    if missing:
        seen = ngettext(
            "%(count)s course run is reported and not in the catalog, so Percipio can show nothing of it: %(example)s",
            "%(count)s course runs are reported and not in the catalog, so Percipio can show nothing of them, such as "
            "%(example)s",
            len(missing),
        )
        fix = _("Offer them, leave them out (percipio_courses), or set PERCIPIO_COURSES to catalog.")
        yield doubtful(name, seen % {"count": len(missing), "example": missing[0]}, fix)
    if known and not held and not missing:
        seen = ngettext("%(count)s item is offered", "%(count)s items are offered", len(known))
        yield well(name, seen % {"count": len(known)})
