"""``GET`` and ``POST`` of the launch address. A GET changes nothing; a POST is the learner's own enrollment."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlencode

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from percipio_openedx import config, edx_platform
from percipio_openedx.catalog.items import EVER, Standing, is_over, rank, standing
from percipio_openedx.config import Launch
from percipio_openedx.data import Course, CourseRun
from percipio_openedx.enums import Offer
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.catalog import ALL_RUNS, CourseOverride, OverrideBook
from percipio_openedx.statements.content import content_id, course_slug, course_url, launch_url

logger = logging.getLogger(__name__)

TEMPLATE: Final = "percipio_openedx/launch.html"
# Runs of one course about which the platform is asked, the best first.
MOST_RUNS: Final = 10
# An override's id has at most 255 characters; an address of a course is the longest other one.
LONGEST: Final = 1000
# Forms of a course run's key: those of today, those of coaches (CCX), those of old.
_FORMS: Final = ("course-v1:{}+{}+", "ccx-v1:{}+{}+", "{}/{}/")
_COURSE: Final = re.compile(r"course:(?P<org>[^+]+)\+(?P<number>[^+]+)")
_PARTS: Final = re.compile(r"[a-z0-9-]+:(?P<org>[^+]+)\+(?P<number>[^+]+)\+.+")


@require_http_methods(["GET", "HEAD", "POST"])
@xframe_options_deny
@csrf_protect
def launch(request: HttpRequest, given: str) -> HttpResponse:
    """Take a learner to the course with a content id, by way of the login and of the enrollment where they are needed.

    Serve outside a transaction: see ``edx_platform.enroll``.
    """
    try:
        response = _answer(request, given)
    except (PlatformUnavailable, PercipioConfigurationError) as error:
        # Without the traceback, where the platform's own words may name people.
        logger.error("Cannot launch a course reason=%s", error)
        response = _page(request, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
    response["Cache-Control"] = "private, no-store"
    return response


def _answer(request: HttpRequest, given: str) -> HttpResponse:
    site_id = _site_id(request)
    settings = config.launch_for(site_id)
    if settings is None or not is_possible(given):
        return _page(request, "unknown", HTTPStatus.NOT_FOUND)
    if not isinstance(request.user, User):
        # Strangers learn nothing of which courses there are.
        return redirect_to_login(address(given, settings.idp))
    return _for_learner(request, request.user, find_item(given, site_id, settings), settings)


def _site_id(request: HttpRequest) -> int:
    return edx_platform.site_id_of_host(request.get_host()) or config.default_site_id()


def _platform_name(request: HttpRequest) -> str:
    try:
        return config.site_platform(_site_id(request))
    except PlatformUnavailable:
        return config.platform_name()


def address(given: str, idp: str) -> str:
    """Return the path of the launch address, to come back to after the login.

    The platform's login drops a path that looks like a file (``CS.py``), hence the slash at the end. It reads the
    provider's hint from this address's own query (``login_form.py`` and ``get_next_url_for_login_page``).
    """
    return f"{launch_url(given, '')}/" + (f"?{urlencode({'tpa_hint': idp})}" if idp else "")


def _for_learner(request: HttpRequest, user: User, item: Item, settings: Launch) -> HttpResponse:
    now = timezone.now()
    enrolled = edx_platform.enrolled_runs(user.pk, [run.key for run in item.runs])
    if own := own_run((run for run in item.runs if run.key in enrolled), now):
        return HttpResponseRedirect(_home(own.key))
    offered = in_order((run for run in item.runs if run.key not in item.left_out), now)
    seen = [run for run in offered[:MOST_RUNS] if edx_platform.may_see(user, run.key)]
    if not seen:
        return _page(request, "unknown", HTTPStatus.NOT_FOUND)
    # Invited learners and staff come in outside the period, but nobody into a course that is over.
    joined = (run for run in seen if not is_over(run, now) and edx_platform.may_enroll(user, run.key))
    run = next(joined, None)
    if run is not None:
        return _enroll(request, user, run) if settings.enrolls else HttpResponseRedirect(_about(run.key))
    how = standing(seen[0], now)
    if how is Standing.OPEN:
        return HttpResponseRedirect(_about(seen[0].key))
    return _page(request, how, HTTPStatus.OK if how is Standing.UPCOMING else HTTPStatus.NOT_FOUND, seen[0])


def own_run(runs: Iterable[CourseRun], now: datetime) -> CourseRun | None:
    """Return where a learner goes who is enrolled in these runs: the newest that goes on now, else the newest."""

    def order(run: CourseRun) -> tuple[bool, datetime, str]:
        start = run.start or EVER
        return start <= now and not is_over(run, now), start, run.key

    return max(runs, key=order, default=None)


def in_order(runs: Iterable[CourseRun], now: datetime) -> list[CourseRun]:
    """Return runs, the best to join first (``catalog.items.rank``), going by their dates alone."""
    return sorted(runs, key=lambda run: rank(run, now, standing(run, now)))


def _enroll(request: HttpRequest, user: User, run: CourseRun) -> HttpResponse:
    """Show the button, or do what it says; a run that is not the one of the page that was shown is shown first."""
    if request.method != "POST" or request.POST.get("course_key") != run.key:
        return _page(request, "join", HTTPStatus.OK, run)
    goes_on_at = edx_platform.enroll(request, run.key)
    if edx_platform.enrolled_runs(user.pk, [run.key]):
        return HttpResponseRedirect(_home(run.key))
    return HttpResponseRedirect(goes_on_at or _about(run.key))


def _home(course_key: str) -> str:
    """Return where a course begins for those who are in it: in the micro-frontend, else in the LMS, which knows."""
    return _address_or(f"{course_url(course_key, '')}/", edx_platform.course_home, course_key)


def _about(course_key: str) -> str:
    return _address_or(f"{course_url(course_key, '')}/about", edx_platform.about_page, course_key)


def _address_or(other: str, ask: Callable[[str], str], course_key: str) -> str:
    """Return what the platform says, or the other address where it says none."""
    try:
        return ask(course_key) or other
    except PlatformUnavailable:
        return other


def _page(request: HttpRequest, state: str, status: HTTPStatus, run: CourseRun | None = None) -> HttpResponse:
    context = {"state": state, "run": run, "platform": _platform_name(request), "now": timezone.now()}
    if run is not None:
        context["about"] = _about(run.key)
    return render(request, TEMPLATE, context, status=status)


# --- the course runs of a content id, by the index of the course keys and not by a look at all ------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """The runs of one item of the catalog; ``left_out`` are the keys of those left out or withdrawn by an operator."""

    runs: tuple[CourseRun, ...] = ()
    left_out: frozenset[str] = frozenset()


def is_possible(content: str) -> bool:
    """Whether a text can be a content id at all: no control characters, not endless."""
    return 0 < len(content) <= LONGEST and content.isprintable()


def find_item(given: str, site_id: int, settings: Launch) -> Item:
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
