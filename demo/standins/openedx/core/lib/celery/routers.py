"""Which queue a task goes to."""

from __future__ import annotations

from typing import Any

from django.conf import settings


def route_task(
    name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **extra: Any
) -> dict[str, Any] | None:
    """The queue that the site names for a task, else None for the default queue."""
    explicit: dict[str, Any] | None = settings.EXPLICIT_QUEUES.get(name)
    return explicit or settings.ALTERNATE_ENV_TASKS.get(name)
