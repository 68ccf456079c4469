"""Request context of tracking events, and one server event for each request that changes something."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from eventtracking import tracker
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from .contexts import course_context_from_course_id

CONTEXT_NAME = "edx.request"
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
    """Enters the context `edx.request` for the time of the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tracker.get_tracker().context(CONTEXT_NAME, _request_context(request)):
            if request.method not in ("GET", "HEAD", "OPTIONS"):
                self._server_event(request)
            return self.get_response(request)

    @staticmethod
    def _server_event(request: HttpRequest) -> None:
        # The posted values are left out: they can be a password, and nothing here reads them.
        with tracker.get_tracker().context("edx.server", {"event_source": "server", "page": None}):
            tracker.emit(request.path, json.dumps({"GET": {}, "POST": {}}))
