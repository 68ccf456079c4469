"""``manage.py check``: mistakes in the settings, each with a stable id and its mend.

Only the settings are read here, since checks run before there is a database. ``percipio_doctor`` checks the rest of a
running installation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.core import checks
from django.utils.translation import gettext

from percipio_openedx import config
from percipio_openedx.exceptions import PercipioConfigurationError


def register() -> None:
    """Let ``manage.py check`` know of them."""
    checks.register(check_settings, "percipio")


def check_settings(app_configs: Sequence[Any] | None, **_: Any) -> list[checks.CheckMessage]:
    """The ``PERCIPIO_*`` settings, as far as they stand by themselves."""
    if not config.is_on():
        words = gettext("PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent.")
        return [checks.Info(words, id="percipio.I001")]
    return [*_for_the_whole_lms(), *_site_settings()]


def _for_the_whole_lms() -> Iterator[checks.CheckMessage]:
    # Settings that stand by themselves, read as whoever needs them reads them, and the id of a mistake.
    alone: tuple[tuple[Callable[[], object], str], ...] = (
        (config.observe_after, "percipio.E002"),
        (config.pull_rate, "percipio.E003"),
        (config.private_hosts, "percipio.E004"),
        (config.keep_event_routing, "percipio.E005"),
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
