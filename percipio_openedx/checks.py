"""``manage.py check``: mistakes in the settings, each with a stable id and its mend.

Only the settings are read here, since checks run before there is a database. ``percipio_doctor`` checks the rest of a
running installation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.core import checks
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext

from percipio_openedx import config
from percipio_openedx.exceptions import PercipioConfigurationError


def register() -> None:
    """Let ``manage.py check`` know of them."""
    checks.register(check_settings, "percipio")
    checks.register(check_worker, "percipio", checks.Tags.database)


def check_settings(app_configs: Sequence[Any] | None, **_: Any) -> list[checks.CheckMessage]:
    """The ``PERCIPIO_*`` settings, as far as they stand by themselves."""
    if not config.is_on():
        words = gettext("PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent.")
        return [checks.Info(words, id="percipio.I001")]
    return [*_for_the_whole_lms(), *_site_settings()]


def check_worker(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Whether somebody takes up what is noticed: ``manage.py check --database default`` asks, and ``migrate``."""
    from percipio_openedx.models.notice import Notice

    if not databases or not config.is_on():
        return []
    try:
        oldest = Notice.objects.order_by("pk").values_list("noticed_at", flat=True).first()
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
            id="percipio.W002",
        )
    ]


def _for_the_whole_lms() -> Iterator[checks.CheckMessage]:
    # Settings that stand by themselves, read as whoever needs them reads them, and the id of a mistake.
    alone: tuple[tuple[Callable[[], object], str], ...] = (
        (config.observe_after, "percipio.E002"),
        (config.pull_rate, "percipio.E003"),
        (config.private_hosts, "percipio.E004"),
    )
    for read, message_id in alone:
        try:
            read()
        except PercipioConfigurationError as error:
            yield _error(error, message_id)


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
        found.append(_error(error, "percipio.E001"))
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


def _error(error: PercipioConfigurationError, check_id: str) -> checks.CheckMessage:
    return checks.Error(f"{error.setting} {error.problem}", id=check_id)
