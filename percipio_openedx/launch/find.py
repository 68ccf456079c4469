"""The course runs that a content id stands for, by the index of the LMS's course keys and not by a look at all."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Launch
from percipio_openedx.data import Course, CourseRun
from percipio_openedx.enums import Offer
from percipio_openedx.models.catalog import ALL_RUNS, CourseOverride, OverrideBook
from percipio_openedx.statements.content import content_id, course_slug

logger = logging.getLogger(__name__)

# An override's id has at most 255 characters; an address of a course is the longest other one.
LONGEST: Final = 1000
# Forms of a course run's key: those of today, those of coaches (CCX), those of old.
_FORMS: Final = ("course-v1:{}+{}+", "ccx-v1:{}+{}+", "{}/{}/")
_COURSE: Final = re.compile(r"course:(?P<org>[^+]+)\+(?P<number>[^+]+)")
_PARTS: Final = re.compile(r"[a-z0-9-]+:(?P<org>[^+]+)\+(?P<number>[^+]+)\+.+")


@dataclass(frozen=True, slots=True)
class Item:
    """The runs of one item of the catalog; ``left_out`` are the keys of those left out or withdrawn by an operator."""

    runs: tuple[CourseRun, ...] = ()
    left_out: frozenset[str] = frozenset()


def is_possible(content: str) -> bool:
    """Whether a text can be a content id at all: no control characters, not endless."""
    return 0 < len(content) <= LONGEST and content.isprintable()


def item(given: str, site_id: int, settings: Launch) -> Item:
    """Return a site's runs with this content id by the site's rule and the course overrides, which come first.

    Arguments:
        given: as the request's path says it. A slash at its end may be ours (``address``), and proxies make one of two.
    """
    for content in dict.fromkeys((given, given.removesuffix("/"))):
        found = _item(re.sub(r"^(https?):/(?!/)", r"\1://", content), site_id, settings)
        if found.runs:
            return found
    return Item()


def _item(content: str, site_id: int, settings: Launch) -> Item:
    rule, root = settings.content_id, settings.root
    keys, beginnings = _by_override(content)
    if rule == "course" and (named := _COURSE.fullmatch(content)):
        beginnings += _of_course(named["org"], named["number"])
    elif rule == "course_run":
        keys.append(content)
    elif rule == "url" and content.startswith(f"{root}/courses/"):
        keys.append(unquote(content.removeprefix(f"{root}/courses/")))
    elif rule == "slug":
        keys += _by_slug(content)
    runs = edx_platform.runs_like(keys, beginnings) if keys or beginnings else []
    book = OverrideBook([run.key for run in runs])
    decided = {run.key: book.of(run.key) for run in runs}
    # A database may ignore case, and a key may begin as another does.
    same = [run for run in runs if _content_id(run, decided[run.key], settings) == content]
    owners = {org: config.site_id_for(org) for org in {run.org for run in same}}
    own = [run for run in same if owners[run.org] == site_id]
    by_rule = {(run.org, run.number) for run in own if not (row := decided[run.key]) or not row.content_id}
    if rule == "slug" and len(by_rule) > 1:
        logger.error("Courses share a content id and cannot be told apart courses=%s", sorted(by_rule))
        return Item()
    left_out = {key for key, row in decided.items() if row and (not row.is_reported or row.offer == Offer.WITHDRAWN)}
    return Item(tuple(own), frozenset(left_out))


def _by_override(content: str) -> tuple[list[str], list[str]]:
    """Return the keys, and the beginnings of keys, of the courses to which an operator gave this content id."""
    keys, beginnings = [], []
    for key in CourseOverride.objects.filter(content_id=content).values_list("course_key", flat=True):
        if key.startswith(ALL_RUNS):
            org, _plus, number = key.removeprefix(ALL_RUNS).partition("+")
            beginnings += _of_course(org, number)
        else:
            keys.append(key)
    return keys, beginnings


def _of_course(org: str, number: str) -> list[str]:
    return [form.format(org, number) for form in _FORMS]


def _by_slug(content: str) -> list[str]:
    """Return the keys whose course has this slug. Its beginning up to the first hyphen is that of the organization."""
    first = content.partition("-")[0]
    keys = edx_platform.run_keys((f"course-v1:{first}", f"ccx-v1:{first}"))
    return [key for key in keys if (parts := _PARTS.fullmatch(key)) and course_slug(*parts.groups()) == content]


def _content_id(run: CourseRun, override: CourseOverride | None, settings: Launch) -> str:
    own = "" if override is None else override.content_id
    return content_id(Course(run.key, run.org, run.number, run.run, content_id=own), settings.content_id, settings.root)
