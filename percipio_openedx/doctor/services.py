"""Cache, broker and workers, each asked for a bounded time."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

from celery import current_app
from django.core.cache import cache
from kombu.exceptions import KombuError, OperationalError

from percipio_openedx import config
from percipio_openedx.doctor.findings import Finding, doubtful, skipped, well, wrong

T = TypeVar("T")

# Seconds.
BROKER_WAIT = 5
WORKER_WAIT = 2.0
CACHE_WAIT = 5.0
# Not shared by the processes of the LMS: wakes, tokens and schedules are then each process's own.
OWN = ("locmem", "dummy")


def cache_works() -> Iterator[Finding]:
    """Whether the default cache keeps something, and whether all processes share it."""
    name, backend = "cache", config.cache_backend()
    key = f"percipio_openedx:doctor:{uuid.uuid4()}"

    def kept() -> bool:
        cache.set(key, "here", timeout=60)
        found = bool(cache.get(key) == "here")
        cache.delete(key)
        return found

    works = _bounded(kept, CACHE_WAIT)
    if works is not True:
        seen = "does not answer" if works is None else "forgets at once"
        yield wrong(name, f"{backend} {seen}", "Check CACHES['default'] and its server: tokens are kept there.")
    elif any(word in backend.lower() for word in OWN):
        yield doubtful(name, f"{backend} is each process's own", "Use a shared one (Redis, Memcached) on a real site.")
    else:
        yield well(name, backend.rpartition(".")[2])


def worker_answers() -> Iterator[Finding]:
    """Whether the broker can be reached, and a Celery worker of the LMS answers."""
    mend = "Start the LMS's workers, or run percipio_run --loop beside the LMS; nothing is lost meanwhile."
    if config.is_eager():
        yield skipped("broker", "tasks run inside the request here (development): use percipio_run")
        return
    if not _bounded(_connected, BROKER_WAIT):
        yield wrong("broker", f"not reached within {BROKER_WAIT:g} seconds", f"Check BROKER_URL. {mend}")
        return
    yield well("broker")
    workers = _bounded(_workers, WORKER_WAIT + BROKER_WAIT)
    if workers:
        yield well("workers", f"{workers} answered")
    else:
        yield doubtful("workers", f"none answered within {WORKER_WAIT:g} seconds", mend)


def _connected() -> bool:
    with current_app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_WAIT)
    return True


def _workers() -> int:
    return len(current_app.control.ping(timeout=WORKER_WAIT) or ())


def _bounded(call: Callable[[], T], seconds: float) -> T | None:
    """The result of a call, or None where it failed or took too long (its thread is then left behind)."""
    results: list[T] = []

    def run() -> None:
        try:
            results.append(call())
        except (KombuError, OperationalError, OSError, NotImplementedError, ValueError):
            return

    thread = threading.Thread(target=run, name="percipio-doctor", daemon=True)
    thread.start()
    thread.join(seconds)
    return results[0] if results else None
