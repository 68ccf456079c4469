"""The addresses under ``/percipio/`` (see ``apps.py``).

Views are imported with the first request, so that the LMS's processes start without them.
"""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt

app_name = "percipio"


# Outside the LMS's request transaction: statements must be read after the moment up to which they are promised, not in
# an earlier snapshot.
@csrf_exempt
@transaction.non_atomic_requests
def statements(request: HttpRequest) -> HttpResponse:
    from percipio_openedx.lrs.views import StatementsView

    return StatementsView.as_view()(request)


# Outside the LMS's request transaction: the platform's own enrollment opens one, and refuses to be inside another.
@transaction.non_atomic_requests
def launch(request: HttpRequest, content_id: str) -> HttpResponse:
    from percipio_openedx.launch import views

    return views.launch(request, content_id)


def metrics(request: HttpRequest) -> HttpResponse:
    from percipio_openedx.operations import metrics as figures

    return figures.view(request)


urlpatterns: list[URLPattern | URLResolver] = [
    path("xapi/statements", statements, name="statements"),
    path("metrics", metrics, name="metrics"),
    # Whatever stands there, line breaks too: a content id is foreign text.
    re_path(r"^launch/(?P<content_id>[\s\S]*)\Z", launch, name="launch"),
]
