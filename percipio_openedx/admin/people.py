"""Whom an operator of this plugin may see by name: those whom a site reports, and nobody else of the LMS's accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Learner
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import LearnerNotNamed, PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.reporting import identity

# Held back since they are nobody's to report.
_NOT_OURS = (HoldReason.NOT_SELECTED, HoldReason.RETIRED, HoldReason.INACTIVE, HoldReason.UNKNOWN_LEARNER)


def reported(people: Mapping[int, Learner], course_key: str = "") -> dict[int, Learner]:
    """Those of these accounts whom a site reports: something was, or would be with the next look.

    Arguments:
        people: accounts by id.
        course_key: only what is, or would be, reported of this course run.

    Raises:
        PlatformUnavailable: the LMS cannot tell who is enrolled.
    """
    rows = LearnerCourse.objects.filter(user_id__in=list(people)).exclude(hold_reason=HoldReason.RETIRED)
    if course_key:
        rows = rows.filter(course_key=course_key)
    known = set(rows.filter(sequence__gt=0).values_list("user_id", flat=True))
    others = {user_id: person for user_id, person in people.items() if user_id not in known and person.is_active}
    known |= _selected(others, course_key)
    return {user_id: person for user_id, person in people.items() if user_id in known}


def is_shown(row: LearnerCourse) -> bool:
    """Whether the learner of a row is one whom its site reports."""
    return row.hold_reason not in _NOT_OURS or (row.sequence > 0 and row.hold_reason != HoldReason.RETIRED)


def _selected(people: Mapping[int, Learner], course_key: str) -> set[int]:
    """Who is enrolled in a course of a site that would report them."""
    courses = edx_platform.courses_of(people)
    if course_key:
        courses = {user_id: keys & {course_key} for user_id, keys in courses.items()}
    sites = _sites({key for keys in courses.values() for key in keys})
    away = edx_platform.retiring(people)
    links = edx_platform.social_links(people)
    found = set()
    for user_id, keys in courses.items():
        person = replace(people[user_id], links=links.get(user_id, ()))
        theirs = [sites[key] for key in keys if key in sites]
        if user_id not in away and any(_is_selected(person, site) for site in theirs):
            found.add(user_id)
    return found


def _sites(course_keys: Iterable[str]) -> dict[str, Configuration]:
    """The configuration in force of each course run whose site reports."""
    by_org: dict[str, Configuration | None] = {}
    found = {}
    for key in course_keys:
        with suppress(PlatformUnavailable, PercipioConfigurationError):
            org = edx_platform.org_of(key)
            if org not in by_org:
                by_org[org] = None
                by_org[org] = config.for_site(config.site_id_for(org))
            if (configuration := by_org[org]) is not None:
                found[key] = configuration
    return found


def _is_selected(person: Learner, configuration: Configuration) -> bool:
    """Whether the site's rule is about this person, also where a value is missing to name them."""
    try:
        identity.identify(person, configuration)
    except LearnerNotNamed as error:
        return error.reason != HoldReason.NOT_SELECTED
    return True
