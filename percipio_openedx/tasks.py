"""The Celery entry points: one task, no arguments, on the LMS's default queue.

Open edX has no Celery beat, so a run that leaves something for later publishes the next run. Only a convenience:
``percipio_run`` does the same without a broker, and the rows are authoritative.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.core.cache import cache
from django.utils import timezone
from edx_django_utils.monitoring import set_code_owner_attribute

from percipio_openedx import config
from percipio_openedx.operations.run import run_once, slot_taken

SCHEDULED_KEY = "percipio_openedx:scheduled"

# Seconds. A broker may redeliver a task that waits longer than its visibility time-out (an hour, with Redis), or end
# the worker that holds it unacknowledged (half an hour, with RabbitMQ), so a distant time is reached in steps. A broken
# run is retried soon.
LONGEST_COUNTDOWN = 900
AFTER_A_BROKEN_RUN = 60

# One run works for about this long, then hands over, so that it never occupies an LMS worker for long.
BUDGET = 45.0


# Acknowledged late, so that a run whose process was killed is redelivered: runs are idempotent.
@shared_task(name="percipio_openedx.tasks.run", ignore_result=True, acks_late=True, reject_on_worker_lost=True)
@set_code_owner_attribute  # type: ignore[untyped-decorator]
def run() -> None:
    """Observe what is due, send what is due, and schedule the next run."""
    next_at: datetime | None = timezone.now() + timedelta(seconds=AFTER_A_BROKEN_RUN)
    with slot_taken(config.parallel_runs(), longest=BUDGET * 4) as slot:
        try:
            # Without a slot, enough runs are at work or were killed: the later run finds the slots free.
            if slot is not None:
                next_at = run_once(budget=BUDGET)
        finally:
            if next_at is not None and not config.is_eager():
                # Out of time: start one more run in parallel, up to the site's limit.
                if slot is not None and slot.has_neighbor and next_at <= timezone.now():
                    _publish(countdown=0)
                schedule(next_at)


def schedule(at: datetime) -> None:
    """Schedule a run for ``at``, unless one is scheduled for then or sooner."""
    now = timezone.now()
    due = min(max(at, now), now + timedelta(seconds=LONGEST_COUNTDOWN))
    called: datetime | None = cache.get(SCHEDULED_KEY)
    if called is None or not now < called <= due:
        seconds = (due - now).total_seconds()
        cache.set(SCHEDULED_KEY, due, timeout=int(seconds) + 1)
        _publish(countdown=seconds)


def publish_first(key: str, window: int, countdown: float) -> None:
    """Publish a run in ``countdown`` seconds unless one was within ``window`` seconds; errors are raised."""
    if cache.add(key, 1, timeout=window):
        _publish(countdown)


def _publish(countdown: float) -> None:
    """Publish without retries: the caller may be a learner's request, and the row is safe in any case."""
    run.apply_async(countdown=min(countdown, LONGEST_COUNTDOWN), retry=False)


def connect_worker() -> None:
    """Let every starting LMS worker take up what a killed one, or a lost message, left behind."""
    worker_ready.connect(_worker_ready, dispatch_uid="percipio_openedx.worker_ready")


def _worker_ready(**_: Any) -> None:
    if config.is_on():
        publish_first(f"{SCHEDULED_KEY}:start", window=5, countdown=1)
