"""Request context of tracking events, and one server event for each request, with its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from eventtracking import tracker
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from .contexts import course_context_from_course_id

CONTEXT_NAME = "edx.request"
# The only parameters whose values are left out.
MASKED = (
    *("password", "newpassword", "new_password", "oldpassword", "old_password"),
    *("new_password1", "new_password2"),
)
# Characters of the parameters, as JSON, that are kept.
LONGEST = 512
COURSE_IN_PATH = re.compile(r"/courses/(?P<course>[^/]+)")


def _course_context(path: str) -> dict[str, Any]:
    found = COURSE_IN_PATH.search(path)
    try:
        course_key = CourseKey.from_string(found["course"]) if found else None
    except InvalidKeyError:
        course_key = None
    context: dict[str, Any] = dict(course_context_from_course_id(course_key))
    if course_key is not None:
        context["course_user_tags"] = {}
    return context


def _request_context(request: HttpRequest) -> dict[str, Any]:
    user = request.user
    return {
        "session": request.session.session_key or "",
        "user_id": user.pk if user.is_authenticated else "",
        "username": user.get_username(),
        "ip": request.META.get("REMOTE_ADDR", ""),
        "host": request.META.get("SERVER_NAME", ""),
        "agent": request.headers.get("user-agent", ""),
        "path": request.path,
        "referer": request.headers.get("referer", ""),
        "accept_language": request.headers.get("accept-language", ""),
        "client_id": None,
        **_course_context(request.path),
    }


class TrackMiddleware:
    """Enters the context `edx.request` for the time of the request, and tells the tracker of the request itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tracker.get_tracker().context(CONTEXT_NAME, _request_context(request)):
            try:
                if _is_wanted(request.path_info):
                    _server_track(request, _parameters(request))
            except Exception as error:  # noqa: BLE001 - whatever it is, the request goes on
                _server_track(request, {"event-type": "exception", "exception": repr(type(error))})
            return self.get_response(request)


def _is_wanted(path: str) -> bool:
    """Whether no pattern that leaves requests out matches the path from its beginning."""
    return not any(re.match(pattern, path) for pattern in getattr(settings, "TRACKING_IGNORE_URL_PATTERNS", []))


def _parameters(request: HttpRequest) -> str:
    """The parameters of a request with some of them masked, cut off somewhere."""
    found = {"GET": dict(request.GET), "POST": dict(request.POST)}
    for values in found.values():
        values.update({name: "*" * 8 for name in MASKED if name in values})
    return json.dumps(found)[:LONGEST]


def _server_track(request: HttpRequest, event: Any) -> None:
    context = {"username": request.user.get_username(), "event_source": "server", "page": None}
    with tracker.get_tracker().context("edx.course.server", context):
        tracker.emit(request.path_info, event)
