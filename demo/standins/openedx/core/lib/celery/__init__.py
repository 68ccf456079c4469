"""The LMS's Celery app: configured from Django's settings under the old upper-case names."""

from __future__ import annotations

from celery import Celery

APP = Celery("proj")
APP.config_from_object("django.conf:settings")
APP.autodiscover_tasks()
