"""Say whom a site reports, and what a change would change: sentences with numbers, for doctor and pages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.operations import labels, reach
from percipio_openedx.operations.effect import Effect
from percipio_openedx.operations.labels import Text
from percipio_openedx.operations.reach import AllCourses, Reach
from percipio_openedx.operations.sites import InForce

# Reasons that are named; the others are counted together.
MOST_NAMED = 4


class Said(NamedTuple):
    """Whom a site reports, and as of when (None if nothing was counted)."""

    sentence: str
    at: datetime | None = None
    is_nobody: bool = False


def whom(
    in_force: InForce,
    all_courses: AllCourses = reach.courses_by_site,
    *,
    fresh: bool = False,
    deadline: float | None = None,
) -> Said:
    """Say whom a site reports with a configuration, or why nobody.

    Arguments:
        all_courses: a cached ``reach.courses_by_site``, for several sites.
        fresh: count anew, instead of with numbers that are at most ten minutes old.
        deadline: ``time.monotonic()`` after which nothing is counted any more; None for no limit.
    """
    if in_force is None:
        return Said(_("Nothing is reported: this site is switched off, or has no configuration."))
    if isinstance(in_force, PercipioConfigurationError):
        return Said(_("Nothing is reported: %(problem)s.") % {"problem": in_force.message})
    is_late = deadline is not None and time.monotonic() >= deadline
    found = reach.recall(in_force) if is_late or not fresh else None
    if found is None and is_late:
        return Said(_("Whom this site reports has not been counted yet: open this page again."))
    try:
        found = found or reach.recount(in_force, all_courses)
    except PlatformUnavailable as error:
        return Said(_("Whom this site reports cannot be counted now: %(problem)s.") % {"problem": error})
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
    if not others:
        return _("Reports %(learners)s in %(reported)s of %(courses)s.") % numbers
    numbers["others"] = ngettext(
        "%(count)s other is not reported, because: %(why)s",
        "%(count)s others are not reported, because: %(why)s",
        others,
    ) % {
        "count": number(others, is_about=found.is_sampled),
        "why": counted(_most_named(found.others), labels.HOLDS_IN_SHORT, is_about=found.is_sampled),
    }
    return _("Reports %(learners)s in %(reported)s of %(courses)s; %(others)s.") % numbers


def of_effect(found: Effect) -> list[str]:
    """Return what a change would change in what is due, one sentence a line."""
    about = found.is_sampled
    everybody = number(found.enrollments)
    if not round(found.changed):
        said = [
            ngettext(
                "What is due stays the same for %(all)s learner in a course.",
                "What is due stays the same for all %(all)s learners in courses.",
                found.enrollments,
            )
            % {"all": everybody}
        ]
    else:
        said = [
            ngettext(
                "For %(count)s of %(all)s learners in courses something else would be due than now.",
                "For %(count)s of %(all)s learners in courses something else would be due than now.",
                round(found.changed),
            )
            % {"count": number(found.changed, is_about=about), "all": everybody}
        ]
    for title, kinds in (
        (_("Newly due"), found.more),
        (_("No longer due"), found.fewer),
        (_("With another date"), found.moved),
    ):
        if kinds:
            in_order = {str(kind): kinds[kind] for kind in Kind if kind in kinds}
            counts = counted(in_order, labels.KINDS, is_about=about)
            said.append(_("%(title)s: %(counts)s.") % {"title": title, "counts": counts})
    if round(found.unknown):
        said.append(
            ngettext(
                "For %(count)s more, it depends on how much is done, which the LMS was not asked yet.",
                "For %(count)s more, it depends on how much is done, which the LMS was not asked yet.",
                round(found.unknown),
            )
            % {"count": number(found.unknown, is_about=about)}
        )
    return said


def counted(counts: Mapping[str, float], names: Mapping[str, Text], *, is_about: bool) -> str:
    """Return named counts: ``account not active (100), other reasons (3)``, the latter for an empty name."""
    named = [(labels.of(names, name) if name else _("other reasons"), count) for name, count in counts.items()]
    return labels.listed(f"{name} ({number(count, is_about=is_about)})" for name, count in named)


def _most_named(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Return the counts, the largest first, with those of more than five reasons summed up under an empty name."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    if len(ordered) > MOST_NAMED + 1:
        ordered = [*ordered[:MOST_NAMED], ("", sum(count for _name, count in ordered[MOST_NAMED:]))]
    return dict(ordered)


def number(count: float, *, is_about: bool = False) -> str:
    """Return a number as people read it; an estimate with two significant digits, as ``about 21,000``."""
    if not is_about:
        return formats.number_format(round(count), force_grouping=True)
    digits = max(0, len(str(round(count))) - 2)
    rounded = round(count / 10**digits) * 10**digits
    return _("about %(count)s") % {"count": formats.number_format(rounded, force_grouping=True)}
