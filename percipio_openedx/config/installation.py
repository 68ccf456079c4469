"""What is set for the whole LMS, in the settings ``PERCIPIO_*`` alone."""

from __future__ import annotations

import re
from difflib import get_close_matches

from django.utils.translation import gettext_lazy as _

from percipio_openedx.config.values import names, setting, whole
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.secret import Secret
from percipio_openedx.settings.common import DEFAULTS

PREFIX = "PERCIPIO_"
RATE = re.compile(r"[1-9][0-9]{0,5}/(?:second|minute|hour|day)")


def is_on() -> bool:
    """Whether the plugin does anything at all (``PERCIPIO_ENABLED``)."""
    return bool(setting("PERCIPIO_ENABLED", True))


def observe_after() -> int:
    """Seconds during which a learner's acts are gathered before they are looked at."""
    return whole("PERCIPIO_OBSERVE_AFTER", setting("PERCIPIO_OBSERVE_AFTER", 30), 0, 86400)


def gathering() -> int:
    """The same for whoever has to go on: the default where the setting is wrong, which the system checks say."""
    try:
        return observe_after()
    except PercipioConfigurationError:
        return int(DEFAULTS["PERCIPIO_OBSERVE_AFTER"])


def parallel_runs() -> int:
    """How many runs may work at the same time (``PERCIPIO_PARALLEL_RUNS``)."""
    return whole("PERCIPIO_PARALLEL_RUNS", setting("PERCIPIO_PARALLEL_RUNS", 2), 1, 64)


def pull_rate() -> str:
    """How often one client may ask the statement resource, as ``120/minute``; empty for as often as it likes.

    Raises:
        PercipioConfigurationError: the setting is neither empty nor of that form.
    """
    rate = setting("PERCIPIO_PULL_RATE", DEFAULTS["PERCIPIO_PULL_RATE"]) or ""
    if rate and not (isinstance(rate, str) and RATE.fullmatch(rate)):
        raise PercipioConfigurationError(
            "PERCIPIO_PULL_RATE", _("is %(value)s; it must be as 120/minute, or empty"), value=repr(rate)
        )
    return str(rate)


def alert_emails() -> tuple[str, ...]:
    """Who is told when something is out of order (``PERCIPIO_ALERT_EMAILS``).

    Raises:
        PercipioConfigurationError: the setting is no list of addresses.
    """
    given = setting("PERCIPIO_ALERT_EMAILS", DEFAULTS["PERCIPIO_ALERT_EMAILS"]) or ()
    is_list = isinstance(given, list | tuple | set | frozenset)
    if not is_list or not all(isinstance(one, str) and "@" in one for one in given):
        raise PercipioConfigurationError("PERCIPIO_ALERT_EMAILS", _("must be a list of addresses"))
    return tuple(given)


def alert_after() -> int:
    """Seconds that something may wait before operators are told (``PERCIPIO_ALERT_AFTER``).

    Raises:
        PercipioConfigurationError: the setting is no whole number from 60 to 30 days.
    """
    name = "PERCIPIO_ALERT_AFTER"
    return whole(name, setting(name, DEFAULTS[name]), 60, 30 * 86400)


def retention_days(what: str = "") -> int:
    """Days that rows are kept, 0 for ever (``PERCIPIO_RETENTION_DAYS``, or with ``what``: ``PARKED`` or ``LOG``).

    Raises:
        PercipioConfigurationError: the setting is no whole number from 0 to 100 years.
    """
    name = f"PERCIPIO_RETENTION_{what}_DAYS" if what else "PERCIPIO_RETENTION_DAYS"
    return whole(name, setting(name, DEFAULTS[name]), 0, 36500)


def metrics_token() -> Secret:
    """With which a scraper may read the metrics; an empty one for: nobody may."""
    return Secret(str(setting("PERCIPIO_METRICS_TOKEN", "") or ""))


def unknown_settings() -> dict[str, str]:
    """Return every ``PERCIPIO_*`` setting that nothing reads, with the one that was probably meant, or ``""``."""
    known = {name.removeprefix(PREFIX): name for name in DEFAULTS}
    found = {}
    for name in sorted(names(PREFIX)):
        if name not in DEFAULTS:
            # Without what all of them begin with, by which they are all alike.
            nearest = get_close_matches(name.removeprefix(PREFIX), known, 1)
            found[name] = known[nearest[0]] if nearest else ""
    return found
