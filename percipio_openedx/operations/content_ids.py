"""Courses that the rule ``slug`` gives one content id: to Percipio they would be one item, so operators are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _

from percipio_openedx import config, edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.configuration import ALL_RUNS, CourseOverride
from percipio_openedx.operations import sites
from percipio_openedx.operations.checks import CheckResult, doubtful, well, wrong
from percipio_openedx.statements.content import course_slug

# Content ids named individually.
MOST_NAMED: Final = 20
_COURSE: Final = re.compile(r"(?:course|ccx)-v1:(?P<org>[^+]+)\+(?P<number>[^+]+)\+.+")


def shared_slugs(site_id: int) -> dict[str, list[str]]:
    """Return the slugs that several courses of a site share, with their courses (``course:Org+Course``).

    A course to which an operator gave an id of its own shares none. One query for all course keys of the LMS. Raises
    ``PlatformUnavailable``.
    """
    keys = edx_platform.run_keys(("course-v1:", "ccx-v1:"))
    courses = {(found["org"], found["number"]) for key in keys if (found := _COURSE.fullmatch(key))}
    named = CourseOverride.objects.filter(course_key__startswith=ALL_RUNS).exclude(content_id="")
    has_own_id = set(named.values_list("course_key", flat=True))
    owners = {org: config.site_id_for(org) for org, _number in courses}
    found_courses: dict[str, list[str]] = {}
    for org, number in sorted(courses):
        course = f"{ALL_RUNS}{org}+{number}"
        if owners[org] == site_id and course not in has_own_id:
            found_courses.setdefault(course_slug(org, number), []).append(course)
    return {slug: shared for slug, shared in found_courses.items() if len(shared) > 1}


def check() -> Iterator[CheckResult]:
    """Yield whether each content id of the sites with the rule ``slug`` is one course's alone."""
    slugged = [site_id for site_id, one in sites.reporting().items() if one.content_id == "slug"]
    for site_id, site_name in sites.names(slugged).items():
        name = _("content ids of %(site)s") % {"site": site_name}
        try:
            shared = shared_slugs(site_id)
        except PlatformUnavailable as error:
            yield doubtful(name, str(error), _("See the LMS functions above."))
            continue
        for slug, courses in list(shared.items())[:MOST_NAMED]:
            seen = _("%(id)s stands for several courses: %(courses)s") % {"id": slug, "courses": ", ".join(courses)}
            yield wrong(name, seen, _("Give all but one of them an id of its own (course overrides)."))
        if not shared:
            yield well(name, _("each is one course's alone"))
