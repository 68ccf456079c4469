"""What the plugin needs of the LMS that it is installed in: its functions and signals, tables, cache, broker, workers.

Each check is tried now, for a bounded time.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from celery import current_app
from django.apps import apps
from django.core.cache import cache
from django.db import DatabaseError, connections, router
from django.db.migrations.exceptions import NodeNotFoundError
from django.db.migrations.executor import MigrationExecutor
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import KombuError, OperationalError

from percipio_openedx import config, edx_platform
from percipio_openedx.enums import CompletedOn
from percipio_openedx.event_routing import backend
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.statement import Statement
from percipio_openedx.operations.findings import Finding, doubtful, skipped, well, wrong
from percipio_openedx.operations.sites import configurations

T = TypeVar("T")

# Seconds.
BROKER_WAIT = 5
WORKER_WAIT = 2.0
CACHE_WAIT = 5.0
# Not shared by the processes of the LMS: wakes, tokens and schedules are then each process's own.
OWN = ("locmem", "dummy")
# A course run that no LMS has.
NOWHERE = "course-v1:percipio-openedx+doctor+none"
UPGRADE = gettext_lazy("See the supported releases; percipio_openedx and the LMS may not fit each other.")

FUNCTIONS: dict[Promise, Callable[[], Any]] = {
    gettext_lazy("sites of organizations"): lambda: edx_platform.site_id_of_org("percipio-openedx"),
    gettext_lazy("courses"): lambda: edx_platform.course(NOWHERE),
    gettext_lazy("search for courses"): lambda: edx_platform.find_courses(NOWHERE, 1),
    gettext_lazy("accounts"): lambda: edx_platform.learners([0]),
    gettext_lazy("retirement"): lambda: edx_platform.retiring([0]),
    gettext_lazy("external ids"): lambda: edx_platform.external_ids([]),
    gettext_lazy("single sign-on"): lambda: edx_platform.social_links([0]),
    gettext_lazy("enrollments"): lambda: edx_platform.enrollments(NOWHERE, [0]),
    gettext_lazy("completions"): lambda: edx_platform.activities(NOWHERE, [0]),
    gettext_lazy("grades"): lambda: edx_platform.grades(NOWHERE, [0]),
    gettext_lazy("certificates"): lambda: edx_platform.certificates(NOWHERE, [0]),
}


# --- the LMS


def signals() -> Iterator[Finding]:
    """Yield whether this release has every signal that is listened to."""
    missing = sorted(set(edx_platform.missing_signals))
    if missing:
        seen = _("this LMS has no %(signals)s") % {"signals": ", ".join(missing)}
        yield doubtful(_("signals"), seen, _("Other signals make up for some.") + f" {UPGRADE}")
    else:
        yield well(_("signals"))


def receivers() -> Iterator[Finding]:
    """Yield whether the LMS has connected the receivers that notice learners' acts."""
    plugin = apps.get_app_config("percipio_openedx")
    wanted = plugin.plugin_app["signals_config"]["lms.djangoapp"]["receivers"]  # type: ignore[attr-defined]
    missing = [entry["receiver_func_name"] for entry in wanted if not _is_connected(entry)]
    if missing:
        yield wrong(
            _("receivers"),
            _("not connected: %(receivers)s") % {"receivers": ", ".join(missing)},
            _("Is this the LMS (manage.py lms), with the plugin in its environment? Restart it after installing."),
        )
    else:
        yield well(_("receivers"), _("%(count)s connected") % {"count": len(wanted)})


def _is_connected(entry: dict[str, str]) -> bool:
    signal = import_string(entry["signal_path"])
    return any(key[0] == entry["dispatch_uid"] for key, *_rest in signal.receivers)


def platform_functions() -> Iterator[Finding]:
    """Yield whether each function of the LMS that is read can be called here."""
    broken = 0
    for name, call in FUNCTIONS.items():
        try:
            call()
        except PlatformUnavailable as error:
            broken += 1
            yield wrong(f"LMS: {name}", str(error), str(UPGRADE))
    if not broken:
        yield well(_("LMS functions"), _("%(count)s answer") % {"count": len(FUNCTIONS)})
    sources = edx_platform.progress_sources()
    if sources:
        yield well(_("course progress"), _("from %(source)s") % {"source": sources[0]})
    else:
        yield wrong(_("course progress"), _("this LMS cannot say how much of a course is done"), str(UPGRADE))


def completion() -> Iterator[Finding]:
    """Yield whether the LMS records what learners complete."""
    name = _("completion tracking")
    try:
        is_on = edx_platform.is_completion_on()
    except PlatformUnavailable as error:
        yield wrong(name, str(error), str(UPGRADE))
        return
    if is_on:
        yield well(name)
        return
    fix = _("Run: %(command)s") % {
        "command": "manage.py lms waffle_switch --create completion.enable_completion_tracking on"
    }
    seen = _("off: there is no progress to report")
    yield wrong(name, seen, fix) if _needs_progress() else doubtful(name, seen, fix)


def _needs_progress() -> bool:
    found = (one for one in configurations().values() if not isinstance(one, PercipioConfigurationError))
    return any(one is not None and one.policy.completed_on is CompletedOn.PROGRESS for one in found)


def routing() -> Iterator[Finding]:
    """event-routing-backends, which this plugin uses for its transformers alone, would route events by being there."""
    name = _("event routing")
    asked_for_by, state = config.routing_is_asked_for_by(), backend.state()
    try:
        has_router = edx_platform.has_other_lrs()
    except PlatformUnavailable as error:
        fix = _("Run: %(command)s") % {"command": "manage.py lms migrate event_routing_backends"}
        yield doubtful(name, str(error), fix)
        return
    if not has_router and not asked_for_by and state == "routed":
        seen = _("every learner event is transformed and logged for an LRS that nobody has configured")
        fix = _("Where there is no other LRS, remove event_transformer from EVENT_TRACKING_BACKENDS.")
        yield doubtful(name, seen, fix)
    elif has_router and not state:
        seen = _("a router is configured, and no event is routed to it")
        yield doubtful(name, seen, _("Set PERCIPIO_KEEP_EVENT_ROUTING to None, or disable the router."))
    elif asked_for_by:
        yield well(name, _("goes on: asked for by %(name)s") % {"name": asked_for_by})
    else:
        yield well(name, _("goes on: a router is configured") if has_router else _("none: nobody has asked for it"))


# --- tables


def timeouts() -> Iterator[Finding]:
    """Yield whether a notice that waits for a locked row in vain would undo the learner's act (MariaDB and MySQL)."""
    connection = connections[router.db_for_write(Statement)]
    if connection.vendor != "mysql":
        return
    name = _("waiting for a lock")
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.innodb_rollback_on_timeout")
        (undoes,) = cursor.fetchone()
    if not undoes:
        yield well(name)
        return
    seen = _("innodb_rollback_on_timeout is on: a notice that waits in vain takes the learner's act with it")
    yield doubtful(name, seen, _("Switch it off in the database server's configuration, as it is by default."))


def migrations() -> Iterator[Finding]:
    """Yield whether all of the plugin's migrations are applied."""
    name, fix = _("migrations"), _("Run: %(command)s") % {"command": "manage.py lms migrate percipio_openedx"}
    try:
        executor = MigrationExecutor(connections[router.db_for_write(Statement)])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes("percipio_openedx"))
    except (DatabaseError, NodeNotFoundError) as error:
        yield wrong(name, _("cannot be read (%(error)s)") % {"error": type(error).__name__}, fix)
        return
    missing = [migration.name for migration, _backwards in plan if migration.app_label == "percipio_openedx"]
    seen = _("not applied: %(migrations)s") % {"migrations": ", ".join(missing)}
    yield wrong(name, seen, fix) if missing else well(name)


# --- cache, broker and workers


def cache_works() -> Iterator[Finding]:
    """Yield whether the default cache keeps something, and whether all processes share it."""
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
        fix = _("Check CACHES['default'] and its server: tokens are kept there.")
        yield wrong(name, seen % {"backend": backend}, fix)
    elif any(word in backend.lower() for word in OWN):
        seen = _("%(backend)s is each process's own") % {"backend": backend}
        yield doubtful(name, seen, _("Use a shared one (Redis, Memcached) on a real site."))
    else:
        yield well(name, backend.rpartition(".")[2])


def worker_answers() -> Iterator[Finding]:
    """Yield whether the broker can be reached, and a Celery worker of the LMS answers."""
    fix = _("Start the LMS's workers, or run percipio_run --loop beside the LMS; nothing is lost meanwhile.")
    if config.is_eager():
        yield skipped(_("broker"), _("tasks run inside the request here (development): use percipio_run"))
        return
    if not _bounded(_connected, BROKER_WAIT):
        seen = _("not reached within %(seconds)g seconds") % {"seconds": BROKER_WAIT}
        yield wrong(_("broker"), seen, _("Check BROKER_URL.") + f" {fix}")
        return
    yield well(_("broker"))
    workers = _bounded(_workers, WORKER_WAIT + BROKER_WAIT)
    if workers:
        yield well(_("workers"), _("%(count)s answered") % {"count": workers})
    else:
        seen = _("none answered within %(seconds)g seconds") % {"seconds": WORKER_WAIT}
        yield doubtful(_("workers"), seen, fix)


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
