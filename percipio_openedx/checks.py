"""``manage.py check``: mistakes in the settings, each with a stable id and its mend.

Only the settings are read here, since checks run before there is a database. ``percipio_doctor`` checks the rest of a
running installation.

None is more than a warning: an error would end every command of the LMS, ``migrate`` and ``clearsessions`` among them,
for a mistake that stops nothing but reporting. ``check --tag percipio --fail-level WARNING`` fails on each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.core import checks
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext

from percipio_openedx import config, encryption
from percipio_openedx.exceptions import PercipioConfigurationError


def register() -> None:
    """Let ``manage.py check`` know of them."""
    checks.register(check_settings, "percipio")
    checks.register(check_worker, "percipio", checks.Tags.database)


# Settings that stand by themselves, read as whoever needs them reads them, and the id of a mistake.
ALONE: tuple[tuple[Callable[[], object], str], ...] = (
    (lambda: config.observe_after(), "percipio.W002"),
    (lambda: config.pull_rate(), "percipio.W003"),
    (lambda: config.private_hosts(), "percipio.W004"),
    (lambda: config.parallel_runs(), "percipio.W009"),
    (lambda: config.alert_emails(), "percipio.W010"),
    (lambda: config.alert_after(), "percipio.W011"),
    (lambda: config.retention_days(), "percipio.W012"),
    (lambda: config.retention_days("PARKED"), "percipio.W013"),
    (lambda: config.retention_days("LOG"), "percipio.W014"),
    (lambda: config.keep_event_routing(), "percipio.W016"),
)


def check_settings(app_configs: Sequence[Any] | None, **_: Any) -> list[checks.CheckMessage]:
    """The ``PERCIPIO_*`` settings, as far as they stand by themselves."""
    if not config.is_on():
        words = gettext("PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent.")
        return [*_unknown(), checks.Info(words, id="percipio.I001")]
    return [*_unknown(), *_for_the_whole_lms(), *_kept_secret(), *_site_settings()]


def check_worker(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Whether somebody takes up what is noticed: ``manage.py check --database default`` asks, and ``migrate``."""
    # Here, so that the LMS starts without any of it.
    from percipio_openedx.reporting import failures

    if not databases or not config.is_on():
        return []
    try:
        oldest = failures.oldest_notice(timezone.now())
        patience = timedelta(seconds=config.alert_after() + config.gathering())
    except (DatabaseError, PercipioConfigurationError):
        # Before the first migration; or another check says it.
        return []
    if oldest is None or timezone.now() - oldest < patience:
        return []
    words = gettext("No worker looks at what learners do: the oldest notice has been waiting since %(at)s.")
    return [
        checks.Warning(
            words % {"at": f"{oldest:%Y-%m-%d %H:%M} UTC"},
            hint=gettext(
                "Run percipio_run, and see that a worker of the LMS (or percipio_run --loop) is always running."
            ),
            id="percipio.W015",
        )
    ]


def mistakes_alone() -> Iterator[tuple[PercipioConfigurationError, str]]:
    """Yield what is wrong with the settings that stand by themselves, each with the id of its message."""
    for read, message_id in ALONE:
        try:
            read()
        except PercipioConfigurationError as error:
            yield error, message_id


def unknown_words() -> Iterator[tuple[str, str]]:
    """Yield a sentence about each ``PERCIPIO_*`` setting that nothing reads, and what to do."""
    for name, nearest in config.unknown_settings().items():
        words = gettext("%(setting)s is no setting of this plugin, so nothing reads it.") % {"setting": name}
        if nearest:
            yield words, gettext("Did you mean %(setting)s?") % {"setting": nearest}
        else:
            yield words, gettext("Remove it, or see the list of settings in the documentation.")


def tracked_words() -> tuple[str, str] | None:
    """Return a sentence and what to do where the LMS logs the parameters of the plugin's pages; else None."""
    addresses = config.tracked_addresses()
    if not addresses:
        return None
    words = gettext(
        "The LMS writes the parameters of requests to %(addresses)s into its tracking log: what operators and pull "
        "clients ask for, learners' addresses among it."
    )
    mend = gettext("Add %(patterns)s to TRACKING_IGNORE_URL_PATTERNS, in the LMS's YAML or wherever it is set last.")
    patterns = ", ".join(f"^{address}" for address in addresses)
    return words % {"addresses": ", ".join(addresses)}, mend % {"patterns": patterns}


def _unknown() -> Iterator[checks.CheckMessage]:
    for words, mend in unknown_words():
        yield checks.Warning(words, hint=mend, id="percipio.W007")


def _for_the_whole_lms() -> Iterator[checks.CheckMessage]:
    for error, message_id in mistakes_alone():
        yield _warning(error, message_id)


def _kept_secret() -> Iterator[checks.CheckMessage]:
    """Whether what has to stay secret does: by a key that nobody knows, and outside the LMS's own logs."""
    mistake = encryption.problem()
    if mistake is not None:
        yield _warning(mistake, "percipio.W006")
    tracked = tracked_words()
    if tracked is not None:
        yield checks.Warning(tracked[0], hint=tracked[1], id="percipio.W008")


def _site_settings() -> list[checks.CheckMessage]:
    values = config.setting_values()
    credentials = [name for name in ("partner_name", "client_id", "client_secret") if values[name]]
    if not credentials:
        return [
            checks.Info(
                gettext(
                    "No PERCIPIO_* credentials in the settings: only sites configured in the admin report anything."
                ),
                hint=gettext(
                    "Set PERCIPIO_PARTNER_NAME, PERCIPIO_CLIENT_ID and PERCIPIO_CLIENT_SECRET, or use the admin."
                ),
                id="percipio.I002",
            )
        ]
    found: list[checks.CheckMessage] = []
    try:
        config.build(config.default_site_id(), values)
    except PercipioConfigurationError as error:
        found.append(_warning(error, "percipio.W005"))
    if values["api"] == "track" and values["undone"] == "retract":
        found.append(
            checks.Warning(
                gettext(
                    "PERCIPIO_UNDONE is retract, but the Track API cannot take anything back: completions are kept."
                ),
                hint=gettext("Use PERCIPIO_API statements, or set PERCIPIO_UNDONE to keep."),
                id="percipio.W001",
            )
        )
    return found


def _warning(error: PercipioConfigurationError, check_id: str) -> checks.CheckMessage:
    return checks.Warning(f"{error.setting} {error.problem}", id=check_id)
