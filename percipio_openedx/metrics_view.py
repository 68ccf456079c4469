"""``/percipio/metrics``: for a scraper with its own token; not there at all unless one is set."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from percipio_openedx import config
from percipio_openedx.operations import metrics as figures


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for whoever shows the token. Cookies are not looked at.

    Raises:
        Http404: no token is set, or the extra is not installed.
    """
    token = config.metrics_token()
    if not token or not figures.is_available():
        raise Http404
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(given.strip(), token.reveal()):
        return HttpResponse("a bearer token is needed\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    body, content_type = figures.text()
    return HttpResponse(body, content_type=content_type)
