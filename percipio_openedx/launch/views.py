"""``GET`` and ``POST`` of the launch address. A GET changes nothing; a POST is the learner's own enrollment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

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
from percipio_openedx.data import CourseRun
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.launch import find
from percipio_openedx.statements.content import course_url, launch_url

logger = logging.getLogger(__name__)

TEMPLATE: Final = "percipio_openedx/launch.html"
# Runs of one course about which the platform is asked, the best first.
MOST_RUNS: Final = 10


@require_http_methods(["GET", "HEAD", "POST"])
@xframe_options_deny
@csrf_protect
def launch(request: HttpRequest, content_id: str) -> HttpResponse:
    """Take a learner to the course with a content id, by way of the login and of the enrollment where they are needed.

    Serve outside a transaction: see ``edx_platform.enroll``.
    """
    try:
        response = _answer(request, content_id)
    except (PlatformUnavailable, PercipioConfigurationError) as error:
        # Without the traceback, where the platform's own words may name people.
        logger.error("Cannot launch a course reason=%s", error)
        response = _page(request, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
    response["Cache-Control"] = "private, no-store"
    return response


def _answer(request: HttpRequest, given: str) -> HttpResponse:
    site_id = _site_id(request)
    settings = config.launch_for(site_id)
    if settings is None or not find.is_possible(given):
        return _page(request, "unknown", HTTPStatus.NOT_FOUND)
    if not isinstance(request.user, User):
        # Strangers learn nothing of which courses there are.
        return redirect_to_login(address(given, settings.idp))
    return _for_learner(request, request.user, find.item(given, site_id, settings), settings)


def _site_id(request: HttpRequest) -> int:
    return edx_platform.site_id_of_host(request.get_host()) or config.default_site_id()


def _platform_name(request: HttpRequest) -> str:
    try:
        return config.site_platform(_site_id(request))
    except PlatformUnavailable:
        return config.platform_name()


def address(content_id: str, idp: str) -> str:
    """Return the path of the launch address, to come back to after the login.

    The platform's login drops a path that looks like a file (``CS.py``), hence the slash at the end. It reads the
    provider's hint from this address's own query (``login_form.py`` and ``get_next_url_for_login_page``).
    """
    return f"{launch_url(content_id, '')}/" + (f"?{urlencode({'tpa_hint': idp})}" if idp else "")


def _for_learner(request: HttpRequest, user: User, item: find.Item, settings: Launch) -> HttpResponse:
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
