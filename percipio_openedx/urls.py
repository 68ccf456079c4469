"""The addresses under ``/percipio/`` (see ``apps.py``)."""

from __future__ import annotations

from django.db import transaction
from django.urls import URLPattern, URLResolver, path

from percipio_openedx.lrs.views import StatementsView
from percipio_openedx.metrics.views import metrics

app_name = "percipio"

urlpatterns: list[URLPattern | URLResolver] = [
    # Outside a transaction, also where the LMS puts each request into one: statements are read after the moment up to
    # which they are promised, and not in a snapshot from before it.
    path("xapi/statements", transaction.non_atomic_requests(StatementsView.as_view()), name="statements"),
    path("metrics", metrics, name="metrics"),
]
