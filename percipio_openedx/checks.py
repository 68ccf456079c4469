"""``manage.py check``: mistakes in the settings, each with a stable id and its fix.

Only the settings are read here, since checks run before there is a database. ``percipio_doctor`` checks the rest of a
running installation.

None is more than a warning: an error would end every command of the LMS, ``migrate`` and ``clearsessions`` among them,
for a mistake that stops nothing but reporting. ``check --tag percipio --fail-level WARNING`` fails on each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext

from percipio_openedx import config, encryption
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.operations import settings_checks


def register() -> None:
    """Let ``manage.py check`` know of them."""
    checks.register(check_settings, "percipio")
    checks.register(check_worker, "percipio", checks.Tags.database)


def check_settings(app_configs: Sequence[Any] | None, **_: Any) -> list[checks.CheckMessage]:
    """The ``PERCIPIO_*`` settings, as far as they stand by themselves."""
    if not config.is_on():
        words = gettext("PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent.")
        return [*_unknown(), checks.Info(words, id="percipio.I001")]
    return [*_unknown(), *_for_the_whole_lms(), *_kept_secret(), *_site_settings()]


def check_worker(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Whether somebody takes up what is noticed: ``manage.py check --database default`` asks, and ``migrate``."""
    # Here, so that the LMS starts without any of it.
    from percipio_openedx.operations import problems, status

    if not databases or not config.is_on():
        return []
    try:
        oldest = status.late_notice(timezone.now())
    except DatabaseError:
        # Before the first migration.
        return []
    if oldest is None:
        return []
    words = gettext("No worker looks at what learners do: the oldest notice has been waiting since %(at)s.")
    at = problems.at(oldest)
    return [checks.Warning(words % {"at": at}, hint=problems.run_a_worker(), id="percipio.W015")]


def _unknown() -> Iterator[checks.CheckMessage]:
    for words, fix in settings_checks.unknown_words():
        yield checks.Warning(words, hint=fix, id="percipio.W007")


def _for_the_whole_lms() -> Iterator[checks.CheckMessage]:
    for error, message_id in settings_checks.mistakes_alone():
        yield _warning(error, message_id)


def _kept_secret() -> Iterator[checks.CheckMessage]:
    """Whether what has to stay secret does: by a key that nobody knows, and outside the LMS's own logs."""
    mistake = encryption.problem()
    if mistake is not None:
        yield _warning(mistake, "percipio.W006")
    tracked = settings_checks.tracked_words()
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
