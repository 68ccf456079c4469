"""Cache, broker and workers, each asked for a bounded time."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

from celery import current_app
from django.core.cache import cache
from django.utils.translation import gettext as _
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
    name, backend = _("cache"), config.cache_backend()
    key = f"percipio_openedx:doctor:{uuid.uuid4()}"

    def kept() -> bool:
        cache.set(key, "here", timeout=60)
        found = bool(cache.get(key) == "here")
        cache.delete(key)
        return found

    works = _bounded(kept, CACHE_WAIT)
    if works is not True:
        seen = _("%(backend)s does not answer") if works is None else _("%(backend)s forgets at once")
        mend = _("Check CACHES['default'] and its server: tokens are kept there.")
        yield wrong(name, seen % {"backend": backend}, mend)
    elif any(word in backend.lower() for word in OWN):
        seen = _("%(backend)s is each process's own") % {"backend": backend}
        yield doubtful(name, seen, _("Use a shared one (Redis, Memcached) on a real site."))
    else:
        yield well(name, backend.rpartition(".")[2])


def worker_answers() -> Iterator[Finding]:
    """Whether the broker can be reached, and a Celery worker of the LMS answers."""
    mend = _("Start the LMS's workers, or run percipio_run --loop beside the LMS; nothing is lost meanwhile.")
    if config.is_eager():
        yield skipped(_("broker"), _("tasks run inside the request here (development): use percipio_run"))
        return
    if not _bounded(_connected, BROKER_WAIT):
        seen = _("not reached within %(seconds)g seconds") % {"seconds": BROKER_WAIT}
        yield wrong(_("broker"), seen, _("Check BROKER_URL.") + f" {mend}")
        return
    yield well(_("broker"))
    workers = _bounded(_workers, WORKER_WAIT + BROKER_WAIT)
    if workers:
        yield well(_("workers"), _("%(count)s answered") % {"count": workers})
    else:
        seen = _("none answered within %(seconds)g seconds") % {"seconds": WORKER_WAIT}
        yield doubtful(_("workers"), seen, mend)


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
