"""The LMS. Its Celery app is made as soon as anything of the LMS is imported, so that every task belongs to it."""

from openedx.core.lib.celery import APP as CELERY_APP

__all__ = ["CELERY_APP"]
