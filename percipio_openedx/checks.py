"""``manage.py check``: mistakes in the settings, each with a stable id and its fix.

Reads only the settings, since checks run before there is a database; ``percipio_doctor`` checks a running installation.
Only warnings: an error would stop every command of the LMS, even ``migrate``, for a mistake that stops nothing but
reporting. ``check --tag percipio --fail-level WARNING`` fails on each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext

from percipio_openedx import config
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.operations.checks import UNKNOWN, CheckResult, mistake, setting_problems


def register() -> None:
    checks.register(check_settings, "percipio")
    checks.register(check_worker, "percipio", checks.Tags.database)


def check_settings(app_configs: Sequence[Any] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check each of the ``PERCIPIO_*`` settings by itself."""
    found = [_warning(one) for one in setting_problems() if config.is_on() or one.code == UNKNOWN]
    if not config.is_on():
        text = gettext("PERCIPIO_ENABLED is False: nothing is noticed and nothing is sent.")
        return [*found, checks.Info(text, id="percipio.I001")]
    values = config.setting_values()
    if not (values["partner_name"] or values["client_id"] or values["client_secret"]):
        text = gettext("No PERCIPIO_* credentials in the settings: only sites configured in the admin report anything.")
        hint = gettext("Set PERCIPIO_PARTNER_NAME, PERCIPIO_CLIENT_ID and PERCIPIO_CLIENT_SECRET, or use the admin.")
        return [*found, checks.Info(text, hint=hint, id="percipio.I002")]
    try:
        config.build(config.default_site_id(), values)
    except PercipioConfigurationError as error:
        found.append(_warning(mistake("percipio.W005", error)))
    if values["api"] == "track" and values["undone"] == "retract":
        text = gettext("PERCIPIO_UNDONE is retract, but the Track API cannot take anything back: completions are kept.")
        hint = gettext("Use PERCIPIO_API statements, or set PERCIPIO_UNDONE to keep.")
        found.append(checks.Warning(text, hint=hint, id="percipio.W001"))
    return found


def _warning(problem: CheckResult) -> checks.CheckMessage:
    return checks.Warning(problem.seen, hint=problem.fix, id=problem.code)


def check_worker(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Check that a worker takes up notices, with ``manage.py check --database default`` and ``migrate``."""
    # Imported here so that the LMS starts without it.
    from percipio_openedx.operations import problem_kinds, problems, status

    if not databases or not config.is_on():
        return []
    try:
        oldest = status.late_notice(timezone.now())
    except DatabaseError:
        # Before the first migration.
        return []
    if oldest is None:
        return []
    text = gettext("No worker observes what learners do: the oldest notice has been waiting since %(at)s.")
    hint = str(problem_kinds.RUN_A_WORKER)
    return [checks.Warning(text % {"at": problems.at(oldest)}, hint=hint, id="percipio.W015")]
