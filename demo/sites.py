"""Which site a request is for."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.sites.models import Site
from django.http import HttpRequest, HttpResponse


class SiteByHostMiddleware:
    """Sets `request.site` by the whole host, port included, else to `SITE_ID`: as the LMS's patched middleware does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        site = Site.objects.filter(domain__iexact=request.get_host()).first() or Site.objects.get(pk=settings.SITE_ID)
        request.site = site  # type: ignore[attr-defined]
        return self.get_response(request)
