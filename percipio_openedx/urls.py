"""The addresses under ``/percipio/`` (see ``apps.py``).

Views are imported with the first request, so that the LMS's processes start without them.
"""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

app_name = "percipio"


# Outside the LMS's request transaction: statements must be read after the moment up to which they are promised, not in
# an earlier snapshot.
@csrf_exempt
@transaction.non_atomic_requests
def statements(request: HttpRequest) -> HttpResponse:
    """Serve the statement resource."""
    from percipio_openedx.lrs.views import StatementsView

    return StatementsView.as_view()(request)


def metrics(request: HttpRequest) -> HttpResponse:
    """Serve the metrics to a scraper."""
    from percipio_openedx.operations import metrics as figures

    return figures.view(request)


urlpatterns: list[URLPattern | URLResolver] = [
    path("xapi/statements", statements, name="statements"),
    path("metrics", metrics, name="metrics"),
]
