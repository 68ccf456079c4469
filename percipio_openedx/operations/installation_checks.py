"""Check what the plugin needs of its LMS: functions, signals, tables, cache, broker, workers.

Each check runs live, within a bounded time.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from celery import current_app
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
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
from percipio_openedx.enums import CompletedOn, ProgressSource
from percipio_openedx.event_routing import backend
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.statement import Statement
from percipio_openedx.operations import sites
from percipio_openedx.operations.checks import CheckResult, doubtful, skipped, well, wrong

T = TypeVar("T")

# Seconds.
BROKER_WAIT = 5
WORKER_WAIT = 2.0
CACHE_WAIT = 5.0
# Cache backends that LMS processes do not share: wakes, tokens and schedules become per process.
OWN = ("locmem", "dummy")
# A course run that no LMS has.
NOWHERE = "course-v1:percipio-openedx+doctor+none"
UPGRADE = gettext_lazy("See the supported releases; percipio_openedx and the LMS may not fit each other.")

FUNCTIONS: dict[Promise, Callable[[], Any]] = {
    gettext_lazy("sites of organizations"): lambda: edx_platform.sites_by_org(),
    gettext_lazy("courses"): lambda: edx_platform.course(NOWHERE),
    gettext_lazy("search for courses"): lambda: edx_platform.find_courses(NOWHERE, 1),
    gettext_lazy("launch address"): lambda: (
        edx_platform.may_see(AnonymousUser(), NOWHERE),
        edx_platform.may_enroll(AnonymousUser(), NOWHERE),
        edx_platform.about_page(NOWHERE),
    ),
    gettext_lazy("accounts"): lambda: edx_platform.learners([0]),
    gettext_lazy("retirement"): lambda: edx_platform.retiring([0]),
    gettext_lazy("external ids"): lambda: edx_platform.external_ids([]),
    gettext_lazy("single sign-on"): lambda: edx_platform.social_links([0]),
    gettext_lazy("enrollments"): lambda: edx_platform.enrollments(NOWHERE, [0]),
    gettext_lazy("completions"): lambda: edx_platform.activities(NOWHERE, [0]),
    gettext_lazy("grades"): lambda: edx_platform.grades(NOWHERE, [0]),
    gettext_lazy("certificates"): lambda: edx_platform.certificates(NOWHERE, [0]),
}


def migrations() -> CheckResult:
    """Check that all of the plugin's migrations are applied."""
    name, fix = _("migrations"), _run("migrate percipio_openedx")
    try:
        executor = MigrationExecutor(connections[router.db_for_write(Statement)])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes("percipio_openedx"))
    except (DatabaseError, NodeNotFoundError) as error:
        return wrong(name, _("cannot be read (%(error)s)") % {"error": type(error).__name__}, fix)
    missing = [migration.name for migration, _backwards in plan if migration.app_label == "percipio_openedx"]
    if not missing:
        return well(name)
    return wrong(name, _("not applied: %(migrations)s") % {"migrations": ", ".join(missing)}, fix)


def _run(command: str) -> str:
    return _("Run: %(command)s") % {"command": f"manage.py lms {command}"}


def signals() -> CheckResult:
    """Check that this release has every signal we receive."""
    missing = sorted(set(edx_platform.missing_signals))
    if not missing:
        return well(_("signals"))
    seen = _("this LMS has no %(signals)s") % {"signals": ", ".join(missing)}
    return doubtful(_("signals"), seen, _("Other signals make up for some.") + f" {UPGRADE}")


def receivers() -> CheckResult:
    """Check that the LMS has connected our receivers."""
    plugin = apps.get_app_config("percipio_openedx")
    wanted = plugin.plugin_app["signals_config"]["lms.djangoapp"]["receivers"]  # type: ignore[attr-defined]
    missing = [entry["receiver_func_name"] for entry in wanted if not _is_connected(entry)]
    if not missing:
        return well(_("receivers"), _("%(count)s connected") % {"count": len(wanted)})
    fix = _("Is this the LMS (manage.py lms), with the plugin in its environment? Restart it after installing.")
    return wrong(_("receivers"), _("not connected: %(receivers)s") % {"receivers": ", ".join(missing)}, fix)


def _is_connected(entry: dict[str, str]) -> bool:
    signal = import_string(entry["signal_path"])
    return any(key[0] == entry["dispatch_uid"] for key, *_rest in signal.receivers)


def cache_works() -> CheckResult:
    """Check that the default cache works and is shared by all processes."""
    name, where = _("cache"), config.cache_backend()
    key = f"percipio_openedx:doctor:{uuid.uuid4()}"

    def keeps() -> bool:
        cache.set(key, "here", timeout=60)
        found = bool(cache.get(key) == "here")
        cache.delete(key)
        return found

    works = _bounded(keeps, CACHE_WAIT)
    if works is not True:
        seen = _("%(backend)s does not answer") if works is None else _("%(backend)s forgets at once")
        fix = _("Check CACHES['default'] and its server: tokens are kept there.")
        return wrong(name, seen % {"backend": where}, fix)
    if any(word in where.lower() for word in OWN):
        seen = _("%(backend)s is each process's own") % {"backend": where}
        return doubtful(name, seen, _("Use a shared one (Redis, Memcached) on a real site."))
    return well(name, where.rpartition(".")[2])


def worker_answers() -> Iterator[CheckResult]:
    """Yield whether the broker is reachable and an LMS Celery worker answers."""
    fix = _("Start the LMS's workers, or run percipio_run --loop beside the LMS; nothing is lost meanwhile.")
    if config.is_eager():
        yield skipped(_("broker"), _("tasks run inside the request here (development): use percipio_run"))
        return
    if not _bounded(_connected, BROKER_WAIT):
        seen = _("not reached within %(seconds)g seconds") % {"seconds": BROKER_WAIT}
        yield wrong(_("broker"), seen, _("Check BROKER_URL.") + f" {fix}")
        return
    yield well(_("broker"))
    if workers := _bounded(_workers, WORKER_WAIT + BROKER_WAIT):
        yield well(_("workers"), _("%(count)s answered") % {"count": workers})
    else:
        yield doubtful(_("workers"), _("none answered within %(seconds)g seconds") % {"seconds": WORKER_WAIT}, fix)


def _connected() -> bool:
    with current_app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_WAIT)
    return True


def _workers() -> int:
    return len(current_app.control.ping(timeout=WORKER_WAIT) or ())


def _bounded(call: Callable[[], T], seconds: float) -> T | None:
    """Return a call's result, or None if it failed or took too long (its thread is left behind)."""
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


def timeouts() -> Iterator[CheckResult]:
    """Yield whether a notice timing out on a locked row would roll back the learner's act (MariaDB and MySQL)."""
    connection = connections[router.db_for_write(Statement)]
    if connection.vendor != "mysql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.innodb_rollback_on_timeout")
        (undoes,) = cursor.fetchone()
    if undoes:
        seen = _("innodb_rollback_on_timeout is on: a notice that waits in vain takes the learner's act with it")
        fix = _("Switch it off in the database server's configuration, as it is by default.")
        yield doubtful(_("waiting for a lock"), seen, fix)
    else:
        yield well(_("waiting for a lock"))


def platform_functions() -> Iterator[CheckResult]:
    """Yield whether each LMS function we read can be called here."""
    broken = 0
    for name, call in FUNCTIONS.items():
        try:
            call()
        except PlatformUnavailable as error:
            broken += 1
            yield wrong(f"LMS: {name}", str(error), str(UPGRADE))
    if not broken:
        yield well(_("LMS functions"), _("%(count)s answer") % {"count": len(FUNCTIONS)})
    yield from progress_source()


def progress_source() -> Iterator[CheckResult]:
    """Yield where the progress comes from, which sites choose (``PERCIPIO_PROGRESS_FROM``)."""
    name, seen = _("course progress"), _("from %(source)s")
    chosen = {one.policy.progress_from for one in sites.reporting().values()} or {ProgressSource.PLATFORM}
    if ProgressSource.AGGREGATOR in chosen:
        try:
            edx_platform.aggregated(NOWHERE, [0])
            yield well(name, seen % {"source": "completion_aggregator"})
        except PlatformUnavailable as error:
            yield wrong(name, str(error), str(UPGRADE))
    if ProgressSource.PLATFORM in chosen:
        if sources := edx_platform.progress_sources():
            yield well(name, seen % {"source": sources[0]})
        else:
            yield wrong(name, _("this LMS cannot say how much of a course is done"), str(UPGRADE))


def completion() -> CheckResult:
    """Check that the LMS records completions."""
    name = _("completion tracking")
    try:
        if edx_platform.is_completion_on():
            return well(name)
    except PlatformUnavailable as error:
        return wrong(name, str(error), str(UPGRADE))
    needs_it = any(one.policy.completed_on is CompletedOn.PROGRESS for one in sites.reporting().values())
    check = wrong if needs_it else doubtful
    fix = _run("waffle_switch --create completion.enable_completion_tracking on")
    return check(name, _("off: there is no progress to report"), fix)


def routing() -> CheckResult:
    """Check that event-routing-backends, used only for its transformers, routes events only if it should."""
    name = _("event routing")
    asked_for_by, state = config.routing_is_asked_for_by(), backend.state()
    try:
        has_router = edx_platform.has_other_lrs()
    except PlatformUnavailable as error:
        return doubtful(name, str(error), _run("migrate event_routing_backends"))
    if not has_router and not asked_for_by and state == "routed":
        seen = _("every learner event is transformed and logged for an LRS that nobody has configured")
        fix = _("Where there is no other LRS, remove event_transformer from EVENT_TRACKING_BACKENDS.")
        return doubtful(name, seen, fix)
    if has_router and not state:
        seen = _("a router is configured, and no event is routed to it")
        return doubtful(name, seen, _("Set PERCIPIO_KEEP_EVENT_ROUTING to None, or disable the router."))
    if asked_for_by:
        return well(name, _("goes on: asked for by %(name)s") % {"name": asked_for_by})
    return well(name, _("goes on: a router is configured") if has_router else _("none: nobody has asked for it"))
