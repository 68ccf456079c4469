"""The addresses under ``/percipio/`` (see ``apps.py``).

The views are imported with the first request, so that the LMS's processes do not start slower for them.
"""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

app_name = "percipio"


# Outside the LMS's transaction of the request: statements are read after the moment up to which they are promised, and
# not in a snapshot from before it.
@csrf_exempt
@transaction.non_atomic_requests
def statements(request: HttpRequest) -> HttpResponse:
    """Serve the statement resource."""
    from percipio_openedx.lrs.views import StatementsView

    return StatementsView.as_view()(request)


def metrics(request: HttpRequest) -> HttpResponse:
    """Show the figures, for a scraper."""
    from percipio_openedx.operations import metrics as figures

    return figures.view(request)


urlpatterns: list[URLPattern | URLResolver] = [
    path("xapi/statements", statements, name="statements"),
    path("metrics", metrics, name="metrics"),
]
