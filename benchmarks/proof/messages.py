"""Messages in the queue that another version sent: with arguments, of tasks that are not there, with unknown fields."""

from __future__ import annotations

from typing import Any

RUN = "percipio_openedx.tasks.run"

# The task, and what it is sent with.
MESSAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    (RUN, {"args": (1,)}),
    (RUN, {"kwargs": {"site_id": 1, "hints": [{"deep": None}]}}),
    (RUN, {"headers": {"percipio_next": {"version": 9}}, "expires": 86400}),
    (RUN, {"task_id": "the-same-message-twice"}),
    (RUN, {"task_id": "the-same-message-twice"}),
    ("percipio_openedx.tasks.of_next_version", {"args": (1,)}),
    ("percipio_openedx.tasks.of_a_former_version", {}),
)


def send(broker: str, queue: str) -> int:
    """Put them into the queue; how many they are."""
    from celery import Celery

    with Celery(broker=broker, set_as_current=False) as app:
        for task, options in MESSAGES:
            app.send_task(task, queue=queue, ignore_result=True, **options)
    return len(MESSAGES)
