"""Clears the request caches after every Celery task."""

from __future__ import annotations

from typing import Any

from celery.signals import task_postrun
from django.conf import settings
from edx_django_utils.cache import RequestCache


@task_postrun.connect
def clear_request_cache(**kwargs: Any) -> None:
    """Not when tasks run eagerly inside a request: its cache is not theirs to clear."""
    if not settings.CELERY_ALWAYS_EAGER and settings.CLEAR_REQUEST_CACHE_ON_TASK_COMPLETION:
        RequestCache.clear_all_namespaces()
