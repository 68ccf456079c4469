"""The course run that an operator means: by its key, or by part of its name or key; of several one is chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from percipio_openedx import edx_platform
from percipio_openedx.admin import search
from percipio_openedx.exceptions import PlatformUnavailable

# Course runs that are offered at most.
MOST = 50


@dataclass(frozen=True, slots=True)
class CourseChoice:
    """What a text means: one course run's ``key``, or else a ``problem`` and what there is to choose from, by name."""

    key: str = ""
    problem: str = ""
    found: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False


def chosen(text: str) -> CourseChoice:
    """Understand what was typed; without a text neither a key nor a problem."""
    text = text.replace("\0", "").strip()[:255]
    if not text or search.is_course_key(text):
        return CourseChoice(text)
    try:
        found = edx_platform.find_courses(text, MOST + 1)
    except PlatformUnavailable as error:
        return CourseChoice(problem=_("The LMS cannot tell: %(error)s.") % {"error": error})
    if len(found) == 1:
        return CourseChoice(next(iter(found)))
    if not found:
        return CourseChoice(problem=_("No course has that in its name or key."))
    is_cut = len(found) > MOST
    return CourseChoice(problem=_("Several courses are meant."), found=dict(list(found.items())[:MOST]), is_cut=is_cut)
