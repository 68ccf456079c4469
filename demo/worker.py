"""Entry of the Celery worker: `celery -A demo.worker worker`."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
django.setup()

from openedx.core.lib.celery import APP as app  # noqa: E402

__all__ = ["app"]
