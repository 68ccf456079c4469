"""Code that needs a request, run where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import crum
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.http import HttpRequest


@contextmanager
def emulate_http_request(site: Site | None = None, user: User | None = None) -> Iterator[None]:
    """Put a request with this site and user in place for the time of the block."""
    request = HttpRequest()
    request.site = site  # type: ignore[attr-defined]
    if user is not None:
        request.user = user
    before = crum.get_current_request()
    crum.set_current_request(request)
    try:
        yield
    finally:
        crum.set_current_request(before)
