"""The support bundle (``percipio_doctor --support``): the installation as a stranger needs to see it to help.

It names no learner and holds no secret: counts instead of rows, our own words instead of Percipio's. What is left is
masked once more as a whole (``_masks``), so that a text that gets here by another way does not show either.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from importlib import metadata
from typing import Any

from django.db import DatabaseError, connections, router
from django.db.models import Count, Max, Min
from django.utils import timezone

from percipio_openedx import __version__, config, edx_platform
from percipio_openedx.encryption import MASK
from percipio_openedx.exceptions import PercipioConfigurationError, PercipioError
from percipio_openedx.models.configuration import Account, AccountColumns, PercipioConfiguration
from percipio_openedx.models.destination import DeliveryAttempt, Destination, PullClient
from percipio_openedx.models.learner_course import Notice, ObservationFailure
from percipio_openedx.models.operations import Alert, BackfillRun, Sweep
from percipio_openedx.models.statement import Statement
from percipio_openedx.operations import checks, doctor, installation_checks, run, sites, status
from percipio_openedx.operations.checks import CheckResult
from percipio_openedx.operations.retention import open_erasures
from percipio_openedx.redaction import without_addresses

PACKAGES = (
    *("Django", "edx-event-routing-backends", "openedx-events", "openedx-filters", "edx-completion", "celery"),
    *("requests", "urllib3", "cryptography", "django-config-models", "prometheus-client"),
)
# The newest of each kind.
MOST_ATTEMPTS = 50
MOST_BACKFILLS = 10
# Shorter texts stand in every second word, or sentence, and are no secrets.
SHORTEST_SECRET = 6
SHORTEST_ORGANIZATION = 3

LEFT_OUT = "(what Percipio said is left out)"

# Of a back-fill, of a destination, of a delivery attempt.
PROGRESS = ("enrollments", "enrollments_done", "observed", "statements", "held", "failed_courses")
BREAKER = (
    *("failures", "lone_failures", "successes", "paused_reason", "failing_since", "retry_at", "probe_until"),
    *("last_success_at", "batch_limit", "plain_answer_since", "plain_answer_trusted_at", "compared_at"),
)
ATTEMPT = ("started_at", "api", "statements", "accepted", "status", "outcome", "duration_ms")
HELD = ("site", "reason", "count")
ALERT = ("kind", "began_at", "changed_at", "announced_at", "announced_count")


def bundle(*, is_online: bool = False) -> dict[str, Any]:
    """Return everything as one document for JSON; a section that fails says so, and the others are there.

    ``is_online`` also contacts Percipio, as the doctor does.
    """
    masks = _masks()
    sections: dict[str, Callable[[], Any]] = {
        "versions": _versions,
        "lms": lambda: {
            "address": config.without_login(config.lms_root()),
            "default_site": config.default_site_id(),
            "cache": config.cache_backend(),
            "tasks_are_eager": config.is_eager(),
            "debug": config.is_debug(),
        },
        # Of what it says only what needs no table, if nobody can say what to mask in the rest.
        "doctor": lambda: list(map(_line, _checks() if masks is None else doctor.examine(is_online=is_online))),
        "settings": config.shown_settings,
        "unknown_settings": lambda: sorted(config.unknown_settings()),
        "sites": lambda: list(_sites()),
        "destinations": lambda: list(_destinations()),
        "notices": _notices,
        "learners_held_back": lambda: [dict(zip(HELD, one, strict=True)) for one in status.held(sites.site_ids())],
        "observation_failures": lambda: list(_failures()),
        "delivery_attempts": lambda: list(_attempts()),
        "run_slots": lambda: {"most": config.parallel_runs(), "in_use": run.slots_in_use(config.parallel_runs())},
        "backfills": lambda: list(_backfills()),
        "alerts": lambda: list(Alert.objects.filter(is_on=True).order_by("pk").values(*ALERT)),
        "erasure_requests": lambda: {"open": open_erasures().count()},
        "pull_clients": lambda: {"enabled": PullClient.objects.filter(enabled=True).count()},
    }
    found: dict[str, Any] = {"made_at": timezone.now()}
    for name, section in sections.items():
        try:
            found[name] = section()
        except (DatabaseError, PercipioError, PercipioConfigurationError) as error:
            found[name] = {"failed": type(error).__name__}
    secrets, organizations = masks or (_secrets([config.setting_values()]), {})
    plain = json.loads(json.dumps(found, default=_plain))
    masked: dict[str, Any] = _masked(plain, _longest_first(secrets), _longest_first(organizations))
    return masked


def _line(found: CheckResult) -> dict[str, Any]:
    """Return a check without what Percipio said, which may have named somebody."""
    line = asdict(found)
    said = line.pop("said")
    return {**line, "seen": found.seen.replace(said, LEFT_OUT)} if said else line


def _checks() -> list[CheckResult]:
    return [installation_checks.migrations(), *checks.settings()]


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _masks() -> tuple[dict[str, str], dict[str, str]] | None:
    """Return what stands for each text that must not show: secrets and rules that name learners, their organizations.

    None if the tables cannot be read.
    """
    try:
        in_force = list(sites.reporting().values())
        columns = [{name: getattr(row, name) for name in config.ACCOUNT_FIELDS} for row in _rows()]
        organizations = _organizations()
    except DatabaseError:
        return None
    columns.append(config.setting_values())
    rules = {str(row["learners"]) for row in columns} | {one.learners for one in in_force}
    rules |= {account.rule for one in in_force for account in one.accounts}
    shown = {rule: config.shown_rule(rule) for rule in rules if "=" in rule}
    return shown | _secrets(columns), organizations


def _secrets(columns: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {text: MASK for text in config.secret_texts(columns) if len(text) >= SHORTEST_SECRET}


def _organizations() -> dict[str, str]:
    """Return what stands for each organization that nobody has configured: single sign-on may have given it."""
    configured = {str(row.organization_id) for row in _rows()} | {str(config.setting_values()["organization_id"]), ""}
    rows = Destination.objects.exclude(organization__in=configured).order_by("pk")
    names = dict.fromkeys(rows.values_list("organization", flat=True))
    return {name: f"(organization {number})" for number, name in enumerate(names, 1)}


def _longest_first(masks: Mapping[str, str]) -> dict[str, str]:
    """Return the masks in the order in which none leaves the rest of a longer text behind."""
    return {text: masks[text] for text in sorted(masks, key=len, reverse=True)}


def _masked(value: Any, secrets: Mapping[str, str], organizations: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _masked(one, secrets, organizations) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, secrets, organizations) for one in value]
    if not isinstance(value, str):
        return value
    for text, mask in secrets.items():
        value = value.replace(text, mask)
    for name, mask in organizations.items():
        # As a whole word: it may be the beginning of another one.
        if len(name) >= SHORTEST_ORGANIZATION:
            value = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", mask, value)
    return without_addresses(value)


def _versions() -> dict[str, str]:
    found = {"percipio_openedx": __version__, "open_edx": edx_platform.release(), "python": platform.python_version()}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    connection = connections[router.db_for_read(Statement)]
    vendor = "mariadb" if getattr(connection, "mysql_is_mariadb", False) else connection.vendor
    return {**found, "database": " ".join([vendor, ".".join(map(str, connection.get_database_version()))])}


def _rows() -> list[AccountColumns]:
    return [*sites.newest_rows().values(), *Account.in_order()]


def _sites() -> Iterator[dict[str, Any]]:
    rows, accounts = sites.newest_rows(), sites.newest_accounts()
    sweeps = dict(Sweep.objects.values_list("site_id", "compared_until"))
    in_force = sites.configurations()
    names = sites.names(in_force)
    for site_id, one in in_force.items():
        state = "off" if one is None else "mistaken" if isinstance(one, PercipioConfigurationError) else "reports"
        yield {
            "site": site_id,
            "site_name": names[site_id],
            "state": state,
            "configuration": _columns(rows.get(site_id), config.FIELDS),
            "accounts": [
                {"account": row.name, "position": row.position, **(_columns(row, config.ACCOUNT_FIELDS) or {})}
                for row in accounts.get(site_id, [])
            ],
            "compared_until": sweeps.get(site_id),
            "unusable_site_values": list(getattr(one, "unusable", ())),
        }


def _columns(row: PercipioConfiguration | Account | None, fields: tuple[str, ...]) -> dict[str, Any] | None:
    """Return what a row says for itself, and not what it leaves to others."""
    if row is None:
        return None
    given = {name: getattr(row, name) for name in fields}
    own = {name: config.shown(name, value) for name, value in given.items() if value is not None and value != ""}
    return {"enabled": row.enabled, "changed_at": row.change_date, **own}


def _destinations() -> Iterator[dict[str, Any]]:
    snapshot = status.take(timezone.now())
    organizations = _organizations()
    for site in snapshot.sites.values():
        for found in site.destinations:
            row = found.row
            names = ("account", "own_credentials", "is_catalog")
            yield {
                **{"site": site.site_id, "site_name": site.name},
                **{name: getattr(row, name) for name in names},
                "organization": organizations.get(row.organization, row.organization),
                "breaker": {name: getattr(row, name) for name in BREAKER},
                "is_late": found.is_late,
                "statements": [
                    {"state": state, "count": count, "oldest_at": found.oldest.get(state)}
                    for state, count in sorted(found.counts.items())
                ],
                "items": dict(sorted(found.items.items())),
                "unknown_learners": found.unknown_learners,
            }


def _notices() -> dict[str, Any]:
    by_reason = Notice.objects.order_by().values_list("reason").annotate(Count("pk"))
    oldest = Notice.objects.order_by("pk").values_list("noticed_at", flat=True).first()
    return {"by_reason": dict(sorted(by_reason)), "oldest_at": oldest}


def _failures() -> Iterator[dict[str, Any]]:
    of_courses, of_learners = ObservationFailure.objects.of_courses(), ObservationFailure.objects.of_learners()
    for of, rows in (("course", of_courses), ("learner", of_learners)):
        times = {"since": Min("failing_since"), "last": Max("failed_at"), "next": Min("retry_at")}
        grouped = rows.order_by("part", "reason").values("part", "reason")
        for one in grouped.annotate(number=Count("pk"), most_failures=Max("failures"), **times):
            yield {"of": of, **one}


def _attempts() -> Iterator[dict[str, Any]]:
    where = ("destination__site_id", "destination__account", "destination__organization", "destination__is_catalog")
    organizations = _organizations()
    for row in DeliveryAttempt.objects.order_by("-pk").values(*ATTEMPT, *where)[:MOST_ATTEMPTS]:
        found = {name.removeprefix("destination__").removesuffix("_id"): value for name, value in row.items()}
        yield {**found, "organization": organizations.get(found["organization"], found["organization"])}


def _backfills() -> Iterator[dict[str, Any]]:
    for row in BackfillRun.objects.order_by("-pk")[:MOST_BACKFILLS]:
        bounds: Mapping[str, object] = {}
        with suppress(ValueError):
            bounds = json.loads(row.scope)
        counts = {name: getattr(row, name) for name in PROGRESS}
        # By what it was bounded, and not to whom.
        bounded = sorted(name for name, value in bounds.items() if value)
        times = {"started_at": row.started_at, "finished_at": row.finished_at}
        yield {**times, "by_workers": row.by_workers, "bounded_by": bounded, "problem": row.problem, **counts}
